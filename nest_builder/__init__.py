"""nest-builder: builds NEST, a benchmark of novel and emerging entities for multimodal segmentation, from the news."""

__version__ = "0.1.0"
