"""The screens: what a person sees and clicks. They call core.studio and never load a model library."""
