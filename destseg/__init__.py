"""DeSTSeg: segmentation-guided denoising student-teacher for anomaly detection.

Zhang et al., CVPR 2023. The method alone: networks, losses, synthetic anomalies, the two
training stages and inference. It needs torch, numpy and Pillow, and knows
nothing of the benchmark around it.
"""
