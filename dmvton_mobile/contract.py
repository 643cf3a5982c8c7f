"""What every input and output is: names, shapes, ranges, colour order."""
MASK_THRESHOLD = 0.5
SIZE_MULTIPLE = 32
