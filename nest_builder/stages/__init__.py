"""The stages of the pipeline, one file each; ``nest_builder/pipeline.py`` puts them in order."""
