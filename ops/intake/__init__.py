"""How a drop becomes rows: its files, its manifest, checks of rows and of images."""
