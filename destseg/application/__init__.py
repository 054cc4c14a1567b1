"""The method put to use on anybody's folders: training, score scale, command line."""
