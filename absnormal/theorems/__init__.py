"""One theorem, one module; `ladder` orders them by cost."""
