"""Figures of quality: how close a try-on is to the truth (PSNR, SSIM, MS-SSIM, LPIPS), how right its flow is where the
truth is known, and how alike two sets of pictures are (FID, KID).

LPIPS, FID and KID rest on published networks whose weights the caller brings by path; nothing is downloaded.
"""

from dmvton_mobile.metrics.distribution import fid, kid
from dmvton_mobile.metrics.flow import end_point_error, warped_mask_iou
from dmvton_mobile.metrics.images import ms_ssim, psnr, ssim
from dmvton_mobile.metrics.inception import InceptionFeatures, inception_features
from dmvton_mobile.metrics.inputs import MetricError
from dmvton_mobile.metrics.perceptual import Lpips, lpips
from dmvton_mobile.metrics.vgg import VggFeatures, VggName, vgg_features
from dmvton_mobile.metrics.weights import WeightsError

__all__ = [
    "InceptionFeatures",
    "Lpips",
    "MetricError",
    "VggFeatures",
    "VggName",
    "WeightsError",
    "end_point_error",
    "fid",
    "inception_features",
    "kid",
    "lpips",
    "ms_ssim",
    "psnr",
    "ssim",
    "vgg_features",
    "warped_mask_iou",
]
