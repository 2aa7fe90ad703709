"""Series and tables of pandas: around constants beside variables, and made of variables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

_RANDOM = np.random.default_rng(0)
PRICES = pd.DataFrame(np.exp(np.cumsum(_RANDOM.normal(0, 0.02, (30, 3)), 0)), columns=list("abc"))
RETURNS = PRICES.pct_change().dropna()
GROUPS = np.array([0, 0, 1, 1, 2, 2])


def of(x):
    return pd.Series(x)


def gains(x):
    return pd.Series(RETURNS.values @ x[:3], index=RETURNS.index)


def drawdown(x):
    wealth = (1 + gains(x)).cumprod()
    return (wealth / wealth.cummax() - 1).min()


def written(x):
    s = of(x)
    s.iloc[0] = 0.0
    s[s < 0] = 0.5
    return s.sum()


def columns(x):
    d = pd.DataFrame({"a": np.arange(6.0)})
    d["b"] = d["a"] * x
    d["c"] = d["b"].cumsum()
    return d["c"].iloc[-1] + d["b"].mean()


def dated(x):
    s = pd.Series(x, index=pd.date_range("2020-01-01", periods=6))
    return s["2020-01-02":"2020-01-04"].sum() + s.resample("2D").sum().max()


SNIPPETS: dict[str, Callable[[Any], Any]] = {
    "sums": lambda x: of(x).sum() + (of(x) * of(x)).mean() + of(x).prod(),
    "abs": lambda x: of(x).abs().max() + of(x).abs().sum(),
    "std": lambda x: of(x).mean() / of(x).std() + of(x).median() + of(x).var(ddof=0),
    "diff": lambda x: of(x).diff().dropna().abs().sum() + of(x).diff().fillna(0).pow(2).sum(),
    "shift": lambda x: (of(x) - of(x).shift(1)).dropna().pow(2).sum(),
    "pct_change": lambda x: of(x + 5).pct_change().dropna().std(),
    "log returns": lambda x: np.log(of(x + 5) / of(x + 5).shift(1)).dropna().std() * np.sqrt(252),
    "clip": lambda x: of(x).clip(0, 1).sum() + of(x).clip(lower=0.5).prod(),
    "astype": lambda x: of(x).astype(float).sum(),
    "cumsum": lambda x: of(x).cumsum().max() + of(x).cumprod().min(),
    "rolling": lambda x: gains(x).rolling(5).std().dropna().mean() + of(x).rolling(3).mean().dropna().sum(),
    "rolling with fewer": lambda x: gains(x).rolling(5, min_periods=1).max().sum()
    + gains(x).expanding().mean().iloc[-1],
    "rolling apply": lambda x: of(x).rolling(2).apply(lambda w: w[0] * w[1], raw=True).dropna().sum(),
    "ewm": lambda x: gains(x).ewm(span=5).mean().iloc[-1] + of(x).ewm(alpha=0.3, adjust=False).mean().iloc[-1],
    "quantile": lambda x: gains(x).quantile(0.05),
    "drawdown": drawdown,
    "downside": lambda x: gains(x)[gains(x) < 0].std(),
    "a portfolio": lambda x: (RETURNS @ x[:3]).mean() / RETURNS.dot(x[:3]).std(),
    "a portfolio by name": lambda x: (RETURNS * pd.Series(x[:3], index=list("abc"))).sum(axis=1).std(),
    "covariances": lambda x: np.sqrt(np.dot(x[:3].T, np.dot(RETURNS.cov() * 252, x[:3])))
    + x[:3] @ RETURNS.cov() @ x[:3],
    "means": lambda x: np.sum(RETURNS.mean() * x[:3]) * 252 + (RETURNS.mean() * x[3:]).sum(),
    "corr": lambda x: of(x).corr(of(np.arange(6.0))) + of(x).cov(of(np.arange(6.0))),
    "where": lambda x: of(x).where(of(x) > 0, 0).sum() + of(x).mask(of(x) < 0, -of(x)).sum(),
    "chosen": lambda x: of(x)[of(x) > 0].sum() + np.where(of(x) > 0, of(x), 0).sum(),
    "apply": lambda x: of(x).apply(np.exp).sum() + of(x).apply(lambda v: v**2 if v > 0 else -v).sum(),
    "sort_values": lambda x: of(x).sort_values().iloc[:3].sum() + of(x).nlargest(2).sum() + of(x).nsmallest(1).sum(),
    "groupby": lambda x: of(x).groupby(GROUPS).sum().pow(2).sum(),
    "groupby in a table": lambda x: pd.DataFrame({"g": GROUPS, "v": x}).groupby("g")["v"].mean().max(),
    "NumPy's functions": lambda x: np.log(np.exp(of(x))).sum() + np.maximum(of(x), 0).sum()
    + np.mean(of(x)) + np.std(of(x)),
    "NumPy's arrays": lambda x: np.dot(of(x), np.arange(6.0)) + np.array(of(x)) @ np.arange(6.0) + of(x).values.sum(),
    "lists": lambda x: sum(of(x).tolist()) + sum(v * i for i, v in of(x).items()),
    "concat": lambda x: pd.concat([of(x[:3]), of(x[3:])]).abs().sum(),
    "reindex": lambda x: of(x).reindex([0, 1, 7]).fillna(1.0).prod(),
    "a table": lambda x: pd.DataFrame(x.reshape(3, 2), columns=["a", "b"]).mean().sum(),
    "columns": columns,
    "values": lambda x: (pd.DataFrame({"a": x[:3], "b": x[3:]}).to_numpy() ** 2).sum(),
    "rows": lambda x: pd.DataFrame(x.reshape(3, 2), columns=["a", "b"]).sum(axis=1).abs().sum(),
    "of lists": lambda x: pd.Series([x[0], 1.0, x[2]]).sum() + pd.Series({"a": x[0], "b": x[1] * 2}).prod(),
    "labels": lambda x: pd.Series(x, index=list("abcdef"))["a"] + pd.Series(x, index=list("abcdef")).loc["c":"e"].sum(),
    "written": written,
    "dates": dated,
    "a Series as the result": lambda x: of(x) * 2,
}  # fmt: skip
