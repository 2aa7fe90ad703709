"""One theorem, one module; `absnormal.judgement.ladder` orders them by cost."""
