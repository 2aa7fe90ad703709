"""Wrong backwards planted in real models: none of them may be called CLARKE.

    python -m tests.planted [name ...] [precision ...]      all models of torch and JAX, precisions and plants
"""
