"""What Jupyter shows of programs, forms and sets: static HTML, SVG and LaTeX, for light and dark pages."""
