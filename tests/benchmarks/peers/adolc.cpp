// ADOL-C on the functions of the benchmark: milliseconds of a first call, taping counted, and of the best repeat.
//
//   adolc <abs_normal|sparse|gradient> <rosenbrock|affine|network> <sizes ...>
//
// abs_normal: the dense driver of psdrivers.h.  sparse: sparse_jac of the extended function (x, |z|) -> (z, y), whose
// pattern and colours are kept.  gradient: directional_active_gradient at the point of all ones.

#include <adolc/adolc.h>
#include <adolc/adolc_sparse.h>
#include <adolc/drivers/psdrivers.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>
#include <random>
#include <string>
#include <vector>

using Vector = std::vector<double>;
using Active = std::vector<adouble>;
using Kink = std::function<adouble(const adouble&)>;

std::mt19937 random_bits(0);

Vector normal(size_t count, double scale = 1.0) {
    std::normal_distribution<double> distribution(0.0, scale);
    Vector result(count);
    for (double& entry : result) entry = distribution(random_bits);
    return result;
}

struct Problem {
    Vector x;
    size_t switches;
    std::function<adouble(const Active&, const Kink&)> f;
};

Problem rosenbrock(const std::vector<int>& sizes) {
    size_t n = sizes[0];
    auto f = [n](const Active& x, const Kink& magnitude) {
        adouble y = magnitude(x[0] - 1.0) / 4.0;
        for (size_t i = 0; i + 1 < n; ++i) y += magnitude(x[i + 1] - 2.0 * magnitude(x[i]) + 1.0);
        return y;
    };
    return {normal(n), 2 * n - 1, f};
}

adouble larger(const adouble& u, const adouble& v, const Kink& magnitude) {
    return (u + v + magnitude(u - v)) / 2.0;
}

Problem affine(const std::vector<int>& sizes) {
    size_t count = sizes[0], n = sizes[1];
    Vector A = normal(count * n), b = normal(count);
    auto f = [=](const Active& x, const Kink& magnitude) {
        adouble most;
        for (size_t k = 0; k < count; ++k) {
            adouble value = b[k];
            for (size_t i = 0; i < n; ++i) value += A[k * n + i] * x[i];
            most = k ? larger(most, value, magnitude) : value;
        }
        return most;
    };
    return {normal(n), count - 1, f};
}

// One sample; the variables are the weights and biases, layer by layer, the result is the sum of squared scores.
Problem network(const std::vector<int>& sizes) {
    Vector image = normal(sizes[0]), x;
    size_t switches = 0;
    for (size_t k = 0; k + 1 < sizes.size(); ++k) {
        for (double w : normal(sizes[k] * sizes[k + 1], 1 / std::sqrt(sizes[k]))) x.push_back(w);
        for (double w : normal(sizes[k + 1], 0.1)) x.push_back(w);
        if (k + 2 < sizes.size()) switches += sizes[k + 1];
    }
    auto f = [=](const Active& x, const Kink& magnitude) {
        Active from(image.begin(), image.end());
        size_t at = 0;
        for (size_t k = 0; k + 1 < sizes.size(); ++k) {
            size_t rows = sizes[k], columns = sizes[k + 1];
            Active to(columns);
            for (size_t j = 0; j < columns; ++j) {
                to[j] = x[at + rows * columns + j];
                for (size_t i = 0; i < rows; ++i)
                    to[j] += k ? from[i] * x[at + i * columns + j] : image[i] * x[at + i * columns + j];
                if (k + 2 < sizes.size()) to[j] = (to[j] + magnitude(to[j])) / 2.0;
            }
            at += (rows + 1) * columns;
            from = to;
        }
        adouble y = 0;
        for (const adouble& score : from) y += score * score;
        return y;
    };
    return {x, switches, f};
}

double milliseconds(const std::function<void()>& work) {
    auto start = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

void tape(const Problem& problem) {
    trace_on(1);
    Active x(problem.x.size());
    for (size_t i = 0; i < x.size(); ++i) x[i] <<= problem.x[i];
    adouble y = problem.f(x, [](const adouble& z) { return fabs(z); });
    double value;
    y >>= value;
    trace_off();
}

void tape_extended(const Problem& problem) {
    trace_on(1);
    Active x(problem.x.size()), w(problem.switches), z;
    for (size_t i = 0; i < x.size(); ++i) x[i] <<= problem.x[i];
    for (adouble& size : w) size <<= 1.0;
    z.reserve(problem.switches);
    adouble y = problem.f(x, [&](const adouble& value) {
        z.push_back(value);
        return w[z.size() - 1];
    });
    double value;
    for (adouble& entry : z) entry >>= value;
    y >>= value;
    trace_off();
}

int main(int count, char** words) {
    std::string driver = words[1], name = words[2];
    std::vector<int> sizes;
    for (int i = 3; i < count; ++i) sizes.push_back(std::stoi(words[i]));
    Problem problem = name == "rosenbrock" ? rosenbrock(sizes) : name == "affine" ? affine(sizes) : network(sizes);
    size_t n = problem.x.size(), s = problem.switches;
    double first = 0;
    std::function<void()> again;

    if (driver == "abs_normal") {
        enableMinMaxUsingAbs();
        double y, cy, **Y = myalloc2(1, s), **J = myalloc2(1, n), **Z = myalloc2(s, n), **L = myalloc2(s, s);
        Vector* z = new Vector(s);
        Vector* cz = new Vector(s);
        // ADOL-C calls J what the literature calls Y, and the other way round.
        again = [=, &problem, &y, &cy]() mutable {
            abs_normal(1, 1, n, s, problem.x.data(), &y, z->data(), cz->data(), &cy, J, Y, Z, L);
        };
        first = milliseconds([&] { tape(problem), again(); });
    } else if (driver == "sparse") {
        static int entries;
        static unsigned *rows = nullptr, *columns = nullptr;
        static double* values = nullptr;
        static int options[4] = {0, 0, 0, 0};
        static Vector point;
        point = problem.x;
        point.resize(n + s, 1.0);
        auto run = [=](int repeat) {
            sparse_jac(1, s + 1, n + s, repeat, point.data(), &entries, &rows, &columns, &values, options);
        };
        first = milliseconds([&] { tape_extended(problem), run(0); });
        again = [=] { run(1); };
    } else {
        enableMinMaxUsingAbs();
        static Vector ones, gradient;
        static std::vector<short> signature;
        ones.assign(n, 1.0), gradient.assign(n, 0.0), signature.assign(s, 0);
        problem.x = ones;
        again = [=] { directional_active_gradient(1, n, ones.data(), ones.data(), gradient.data(), signature.data()); };
        first = milliseconds([&] { tape(problem), again(); });
    }

    double best = 1e300, spent = 0;
    for (int run = 0; run < 3 || (run < 200 && spent < 300); ++run) {
        double once = milliseconds(again);
        best = std::min(best, once), spent += once;
        if (spent > 3000) break;
    }
    std::printf("%.6f %.6f\n", first, best);
}
