"""A brute-force oracle for programs with 2-norms: limiting gradients along very many directions, and an outer bound.

Norms at 0 are kinks in blocks: z_i = R_i d + sum_j L_ij |z_j| in R^k_i.  For unit vectors sigma_i of R^k_i the gradient
is g_sigma = J + sum_j Y_j sigma_j^T r_j, with r_i = R_i + sum_j L_ij sigma_j^T r_j.  Nothing of the package is in it.
"""
