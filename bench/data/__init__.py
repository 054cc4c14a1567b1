"""What a benchmark run reads: categories, anomaly source textures and the teacher."""
