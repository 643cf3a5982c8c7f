"""Quality metrics of try-ons.

Per image: PSNR, SSIM and MS-SSIM (`images`), LPIPS (`perceptual`), end-point error and mask overlap (`flow`). Between
two sets of images: FID and KID (`distribution`). LPIPS, FID and KID need published weights, which the caller passes by
path (`weights`); nothing is downloaded.
"""
