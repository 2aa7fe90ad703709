"""Finance, processes, hydrology, control, contact, operations research."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import ndtr

RAIN = np.array([0.0, 3.0, 12.0, 7.0, 0.0, 1.0, 5.0, 0.0])
HEAT = np.array([2.0, 1.5, 1.0, 2.5, 3.0, 2.0, 1.0, 0.5])
RETURNS = np.random.default_rng(5).normal(0.01, 0.05, (12, 6))
COSTS = np.array([4.0, 2.0, 7.0, 1.0, 5.0, 3.0])


def cdf(z):
    return 0.5 * (1 + math.erf(z / math.sqrt(2)))


def black_scholes(x):
    spot, strike, sigma, t, r = 100 + x[0], 100 + x[1], 0.2 + 0.1 * x[2], 1 + 0.1 * x[3], 0.05
    d1 = (np.log(spot / strike) + (r + sigma**2 / 2) * t) / (sigma * np.sqrt(t))
    return spot * ndtr(d1) - strike * np.exp(-r * t) * ndtr(d1 - sigma * np.sqrt(t))


def black_scholes_math(x):
    spot, strike, sigma = 100 + x[0], 100 + x[1], 0.2
    d1 = (math.log(spot / strike) + sigma**2 / 2) / sigma
    return spot * cdf(d1) - strike * cdf(d1 - sigma)


def binomial_tree(x):
    u, strike, n = 1.1 + 0.01 * x[0], 100 + x[1], 5
    d, p = 1 / u, 0.55
    values = np.zeros(n + 1)
    for i in range(n + 1):
        values[i] = max(100 * u ** (n - i) * d**i - strike, 0)
    for _ in range(n):
        values = p * values[:-1] + (1 - p) * values[1:]
    return values[0]


def american_put(x):
    u, strike, n = 1.1 + 0.01 * x[0], 100 + x[1], 5
    prices = (100 + x[2]) * u ** np.arange(-n, n + 1, 2)
    values = np.maximum(strike - prices, 0)
    for step in range(n, 0, -1):
        prices = (100 + x[2]) * u ** np.arange(-step + 1, step, 2)
        values = np.maximum(strike - prices, 0.98 * (0.5 * values[:-1] + 0.5 * values[1:]))
    return values[0]


def monte_carlo(x):
    z = np.random.default_rng(7).normal(size=50)
    paths = 100 * np.exp((0.05 - 0.5 * x[0] ** 2) + x[0] * z)
    return np.mean(np.maximum(paths - 100 - x[1], 0))


def asian_option(x):
    z = np.random.default_rng(8).normal(size=(20, 4))
    paths = np.cumprod(1 + 0.1 * x[0] * z + 0.01 * x[1], axis=1)
    return np.mean(np.maximum(paths.mean(axis=1) - 1, 0))


def barrier_option(x):
    z = np.random.default_rng(9).normal(size=(10, 4))
    paths = np.cumprod(1 + 0.1 * x[0] * z, axis=1)
    alive = paths.min(axis=1) > 0.9
    return np.mean(np.where(alive, np.maximum(paths[:, -1] - 1, 0), 0))


def portfolio_variance(w):
    return w @ np.cov(RETURNS.T) @ w


def sharpe(w):
    r = RETURNS @ w
    return r.mean() / r.std()


def value_at_risk(w):
    return -np.percentile(RETURNS @ w, 5)


def expected_shortfall(w):
    losses = np.sort(-RETURNS @ w)[::-1]
    return losses[:3].mean()


def max_drawdown(w):
    wealth = np.cumprod(1 + RETURNS @ w)
    return np.max(1 - wealth / np.maximum.accumulate(wealth))


def drawdown_loop(w):
    wealth, peak, worst = 1.0, 1.0, 0.0
    for r in RETURNS @ w:
        wealth *= 1 + r
        peak = max(peak, wealth)
        worst = max(worst, (peak - wealth) / peak)
    return worst


def turnover(w):
    return np.abs(w - np.roll(w, 1)).sum() * 0.002


def net_present_value(x):
    return sum(c / (1 + 0.1 * x[0] ** 2) ** t for t, c in enumerate(np.append(-10.0, np.abs(x))))


def bond_price(x):
    times = np.arange(1, 6)
    return np.sum(5 * np.exp(-0.05 * x[0] * times)) + 100 * np.exp(-0.25 * x[0])


def yield_curve(x):
    tau = np.array([0.5, 1, 2, 5, 10])
    decay = (1 - np.exp(-tau / 2)) / (tau / 2)
    return x[0] + x[1] * decay + x[2] * (decay - np.exp(-tau / 2))


def garch(x):
    omega, alpha, beta = 0.1 * x[0] ** 2, 0.1, 0.5
    h = np.zeros(12)
    h[0] = 1.0
    for t in range(1, 12):
        h[t] = omega + alpha * RETURNS[t - 1, 0] ** 2 + beta * h[t - 1]
    return 0.5 * np.sum(np.log(h) + RETURNS[:, 0] ** 2 / h)


def moving_average(x):
    return np.convolve(x, np.ones(3) / 3, mode="valid")


def exponential_average(x):
    s = [x[0]]
    for v in x[1:]:
        s.append(0.3 * v + 0.7 * s[-1])
    return np.array(s)


def tax_brackets(x):
    income = 30 * np.abs(x)
    tax = 0.0
    for low, high, rate in ((0, 20, 0.1), (20, 50, 0.2), (50, np.inf, 0.4)):
        tax += rate * np.clip(income - low, 0, high - low)
    return tax.sum()


def tiered_price(x):
    q = 10 * np.abs(x[0])
    if q <= 5:
        return 2 * q
    return 10 + 1.5 * (q - 5)


def straddle(x):
    spot = np.linspace(80, 120, 5)
    return np.sum(np.maximum(spot - 100 - x[0], 0) + np.maximum(100 + x[0] - spot, 0))


def utility(x):
    wealth = np.abs(x) + 1
    return np.mean((wealth**0.5 - 1) / 0.5)


def merton(x):
    return np.array([np.exp(-x[0]), 1 - np.exp(-x[0])]) @ np.array([x[1], x[2]])


# -- processes and hydrology -----------------------------------------------------------------------------


def stirred_tank(x):
    c, k = 1.0, np.exp(-x[0])
    for _ in range(10):
        c = c + 0.1 * (0.5 - c - k * c**2)
    return c


def reactor_states(x):
    state = np.array([1.0, 0.0, 0.3])
    for _ in range(8):
        rate = np.exp(x[0]) * state[0] * state[1] + 0.1 * x[1]
        state = state + 0.05 * np.array([-rate, rate - state[1], state[1]])
    return state


def runge_kutta(x):
    def rhs(t, y):
        return np.array([y[1], -x[0] ** 2 * y[0] - 0.1 * y[1]])

    y = np.array([x[1], 0.0])
    for k in range(5):
        k1 = rhs(k, y)
        k2 = rhs(k, y + 0.05 * k1)
        k3 = rhs(k, y + 0.05 * k2)
        k4 = rhs(k, y + 0.1 * k3)
        y = y + 0.1 / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return y


def heat_equation(x):
    u = np.zeros(8)
    u[0], u[-1] = x[0], x[1]
    for _ in range(10):
        u[1:-1] = u[1:-1] + 0.4 * (u[2:] - 2 * u[1:-1] + u[:-2])
    return u


def upwind(x):
    u = np.concatenate([x, [0.0, 0.0]])
    for _ in range(4):
        u = u - 0.5 * (u - np.roll(u, 1)) * 0.3
    return u


def minmod(x):
    a, b = np.diff(x)[:-1], np.diff(x)[1:]
    return np.where(a * b > 0, np.where(np.abs(a) < np.abs(b), a, b), 0.0)


def tridiagonal(x):
    n = 6
    c, d = np.zeros(n), np.zeros(n)
    c[0], d[0] = 1 / 4.0, x[0] / 4.0
    for i in range(1, n):
        m = 1 / (4.0 - c[i - 1])
        c[i] = m
        d[i] = (x[i] + d[i - 1]) * m
    y = np.zeros(n)
    y[-1] = d[-1]
    for i in range(n - 2, -1, -1):
        y[i] = d[i] + c[i] * y[i + 1]
    return y


def antoine(x):
    t = 80 + 5 * x
    return 10 ** (8.07 - 1730.6 / (t + 233.4))


def valve(x):
    dp = x[0] - x[1]
    return np.sign(dp) * np.sqrt(np.abs(dp))


def heat_exchanger(x):
    dt1, dt2 = 50 + x[0], 30 + x[1]
    return (dt1 - dt2) / np.log(dt1 / dt2)


def flash(x):
    z, k, v = np.array([0.4, 0.6]), np.array([2.0, 0.5]) + 0.1 * x[:2], 0.4
    return np.sum(z * (k - 1) / (1 + v * (k - 1)))


def pipe_friction(x):
    reynolds = 3000 + 2000 * np.abs(x[0])
    return np.where(reynolds < 2300, 64 / reynolds, 0.316 * reynolds**-0.25)


def bucket(x):
    capacity, store, flow = 8 + x[0], 2.0, []
    for rain, heat in zip(RAIN, HEAT, strict=True):
        store = store + rain
        spill = max(store - capacity, 0.0)
        store = store - spill
        loss = min(heat, store)
        store = store - loss
        flow.append(spill + 0.1 * store)
    return np.sum(flow)


def bucket_in_arrays(x):
    store, flow = np.zeros(9), np.zeros(8)
    store[0] = np.abs(x[0])
    for t in range(8):
        flow[t] = np.maximum(store[t] + RAIN[t] - 10 - x[1], 0)
        store[t + 1] = 0.9 * (store[t] + RAIN[t] - flow[t])
    return flow.sum() + store[-1]


def snow(x):
    pack, melt = 0.0, np.zeros(8)
    for t, rain in enumerate(RAIN):
        warm = HEAT[t] - 1.7 - 0.1 * x[0]
        pack = pack + np.where(warm > 0, 0.0, rain)
        melt[t] = np.minimum(2 * np.maximum(warm, 0), pack)
        pack = pack - melt[t]
    return melt.sum()


def unit_hydrograph(x):
    return np.convolve(RAIN, np.exp(-np.arange(4) * np.abs(x[0])))[:8] @ HEAT


def nash_sutcliffe(x):
    simulated = HEAT * x[0] + x[1]
    return 1 - np.sum((HEAT - simulated) ** 2) / np.sum((HEAT - HEAT.mean()) ** 2)


def curve_number(x):
    s = 20 + 5 * x[0]
    excess = np.where(0.2 * s < RAIN, (RAIN - 0.2 * s) ** 2 / (RAIN + 0.8 * s), 0)
    return excess.sum()


def muskingum(x):
    out = np.zeros(8)
    out[0] = RAIN[0]
    k = 0.2 + 0.05 * x[0]
    for t in range(7):
        out[t + 1] = k * RAIN[t + 1] + 0.3 * RAIN[t] + (0.7 - k) * out[t]
    return out @ HEAT


def weir(x):
    head = np.maximum(RAIN / 4 - 1 - 0.1 * x[0], 0)
    return np.sum(head**1.5)


# -- control and contact ---------------------------------------------------------------------------------


def saturated_feedback(x):
    state = np.array([1.0, 0.0])
    cost = 0.0
    for _ in range(10):
        u = np.clip(-x[0] * state[0] - x[1] * state[1], -0.5, 0.5)
        state = state + 0.1 * np.array([state[1], u])
        cost += state @ state + 0.1 * u**2
    return cost


def pid(x):
    y, integral, last = 0.0, 0.0, 1.0
    for _ in range(10):
        error = 1.0 - y
        integral += 0.1 * error
        u = x[0] * error + x[1] * integral + 0.01 * x[2] * (error - last)
        last = error
        y += 0.1 * (u - y)
    return (1.0 - y) ** 2


def anti_windup(x):
    y, integral = 0.0, 0.0
    for _ in range(10):
        raw = x[0] * (1 - y) + integral
        u = min(max(raw, -0.2), 0.2)
        integral += 0.1 * (x[1] * (1 - y) + u - raw)
        y += 0.1 * u
    return y


def dead_zone(x):
    u = np.where(np.abs(x) < 0.5, 0, x - 0.5 * np.sign(x))
    return np.sum(u**2)


def lqr(x):
    a, b, p = np.array([[1.0, 0.1], [0.0, 1.0]]), np.array([[0.0], [0.1]]), np.eye(2)
    for _ in range(4):
        gain = np.linalg.solve(x[0] ** 2 + 1 + b.T @ p @ b, b.T @ p @ a)
        p = np.eye(2) + a.T @ p @ (a - b @ gain)
    return np.trace(p)


def kalman(x):
    estimate, p, q = 0.0, 1.0, np.exp(x[0])
    for z in RAIN:
        p = p + q
        gain = p / (p + 1)
        estimate = estimate + gain * (z - estimate)
        p = (1 - gain) * p
    return estimate


def rollout(x):
    states = [np.array([0.0, 1.0])]
    for u in x:
        s = states[-1]
        states.append(np.array([s[0] + 0.1 * s[1], s[1] + 0.1 * (u - np.sin(s[0]))]))
    return np.sum(np.array(states) ** 2)


def hysteresis(x):
    m, out = 0.0, []
    for v in np.cumsum(x):
        m = max(min(m, v + 0.5), v - 0.5)
        out.append(m)
    return np.array(out)


def smoothed_switch(x):
    return np.where(x > 0, 1 - np.exp(-x), x) @ np.arange(6)


def reachable(x):
    corners = np.array([[a, b] for a in (-1, 1) for b in (-1, 1)])
    return np.max(corners @ x[:2])


def contact_force(x):
    gap = x - 0.5
    return 1e2 * np.maximum(-gap, 0) ** 1.5


def bouncing_ball(x):
    height, speed = 1 + np.abs(x[0]), 0.0
    for _ in range(20):
        speed -= 0.1
        height += 0.1 * speed
        if height < 0:
            height, speed = -height, -0.8 * speed
    return height


def friction(x):
    tangential, normal = x[:2], np.abs(x[2])
    size = np.linalg.norm(tangential)
    return tangential * np.minimum(1.0, 0.5 * normal / size)


def projection_on_a_cone(x):
    t, size = x[0], np.linalg.norm(x[1:])
    if size <= t:
        return x
    if size <= -t:
        return np.zeros(6)
    return (t + size) / 2 * np.concatenate([[1.0], x[1:] / size])


def fischer_burmeister(x):
    return np.sqrt(x[:3] ** 2 + x[3:] ** 2) - x[:3] - x[3:]


def penalty(x):
    return np.sum(np.minimum(x, 0) ** 2) + 10 * np.abs(x.sum() - 1)


def projected_gauss_seidel(x):
    m = np.eye(3) * 4 + np.ones((3, 3))
    z = np.zeros(3)
    for _ in range(4):
        for i in range(3):
            z[i] = max(0.0, z[i] - (m[i] @ z + x[i]) / m[i, i])
    return z


def plastic_return(x):
    stress, strain = 0.0, 0.0
    for d in x:
        trial = stress + 2.0 * d
        excess = max(abs(trial) - 1.5, 0.0)
        stress = trial - np.sign(trial) * excess
        strain = strain + np.sign(trial) * excess / 2
    return stress + strain


def spring_chain(x):
    stretch = np.diff(np.concatenate([[0.0], x, [7.0]])) - 1.0
    return 0.5 * np.sum(np.where(stretch > 0, 10.0, 1.0) * stretch**2)


# -- operations research ---------------------------------------------------------------------------------


def newsvendor(x):
    demand = np.array([3.0, 5.0, 8.0])
    return np.mean(2 * np.maximum(x[0] - demand, 0) + 5 * np.maximum(demand - x[0], 0))


def inventory(x):
    stock, cost = 5.0, 0.0
    for order, rain in zip(np.abs(x), RAIN, strict=False):
        stock = stock + order - rain
        cost += 1.0 * max(stock, 0) + 4.0 * max(-stock, 0)
    return cost


def facility(x):
    sites = x.reshape(3, 2)
    customers = np.array([[0.0, 1.0], [2.0, -1.0], [1.0, 3.0]])
    return sum(min(np.linalg.norm(c - s) for s in sites) for c in customers)


def weber(x):
    points = np.array([[0.0, 1.0], [2.0, -1.0], [1.0, 3.0]])
    return np.sum([np.linalg.norm(p - x[:2]) for p in points])


def piecewise_cost(x):
    return sum(np.interp(abs(v), [0, 1, 3, 10], [0, 2, 3, 20]) for v in x)


def makespan(x):
    finish = np.zeros(3)
    for i, d in enumerate(np.abs(x)):
        finish[i % 3] += d
    return finish.max()


def critical_path(x):
    start = np.zeros(6)
    for i, before in enumerate([[], [0], [0], [1, 2], [2], [3, 4]]):
        if before:
            start[i] = np.max([start[j] + np.abs(x[j]) for j in before])
    return start[-1]


def queue(x):
    wait, total = 0.0, 0.0
    for arrival, service in zip(np.abs(x[:5]), COSTS[:5] / 4, strict=True):
        wait = max(0.0, wait + service - arrival)
        total += wait
    return total


def lagrangian(x):
    return COSTS @ x + np.maximum(x.sum() - 2, 0) * 3 + np.sum(np.minimum(0, x))


def bottleneck(x):
    return np.min(np.maximum(x.reshape(2, 3), 0.1).sum(axis=0))


def bellman(x):
    value = np.zeros(4)
    for _ in range(5):
        value = np.max(np.stack([x[:4] + 0.9 * value, 0.9 * np.roll(value, 1)]), axis=0)
    return value


def shortest_path(x):
    d = np.full(4, 1e6)
    d[0] = 0.0
    edges = [(0, 1, 0), (0, 2, 1), (1, 2, 2), (1, 3, 3), (2, 3, 4)]
    for _ in range(3):
        for a, b, k in edges:
            d[b] = min(d[b], d[a] + np.abs(x[k]))
    return d[3]


def assignment(x):
    cost = np.abs(x[:3, None] - x[None, 3:])
    return cost.min(axis=0).sum() + cost.min(axis=1).sum()


def unit_commitment(x):
    output = np.clip(x, 0.2, 1.5)
    return np.sum(2 * output + 0.3 * output**2) + 10 * abs(output.sum() - 4)


def bin_penalty(x):
    loads = np.zeros(2)
    loads[0] = np.sum(x[:3])
    loads[1] = np.sum(x[3:])
    return np.sum(np.maximum(loads - 1, 0)) + np.ptp(loads)


def fairness(x):
    return np.abs(x[:, None] - x[None, :]).sum() / (2 * len(x) * np.sum(np.abs(x)))


SNIPPETS: dict[str, Callable[[Any], Any]] = {f.__name__: f for f in (
    black_scholes, black_scholes_math, binomial_tree, american_put, monte_carlo, asian_option, barrier_option,
    portfolio_variance, sharpe, value_at_risk, expected_shortfall, max_drawdown, drawdown_loop, turnover,
    net_present_value, bond_price, yield_curve, garch, moving_average, exponential_average, tax_brackets, tiered_price,
    straddle, utility, merton, stirred_tank, reactor_states, runge_kutta, heat_equation, upwind, minmod, tridiagonal,
    antoine, valve, heat_exchanger, flash, pipe_friction, bucket, bucket_in_arrays, snow, unit_hydrograph,
    nash_sutcliffe, curve_number, muskingum, weir, saturated_feedback, pid, anti_windup, dead_zone, lqr, kalman,
    rollout, hysteresis, smoothed_switch, reachable, contact_force, bouncing_ball, friction, projection_on_a_cone,
    fischer_burmeister, penalty, projected_gauss_seidel, plastic_return, spring_chain, newsvendor, inventory, facility,
    weber, piecewise_cost, makespan, critical_path, queue, lagrangian, bottleneck, bellman, shortest_path, assignment,
    unit_commitment, bin_penalty, fairness,
)}  # fmt: skip
