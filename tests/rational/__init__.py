"""Rational arithmetic."""
