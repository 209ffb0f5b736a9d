namespace Vae.Models.Evaluation;

/// <summary>Limited-memory BFGS with a backtracking line search (Nocedal and Wright 2006, algorithms 7.4 and 3.1) for smooth convex functions of a few thousand parameters.</summary>
internal static class Lbfgs
{
    private const int Memory = 20;
    private const int HalvingsMax = 40;
    private const double EnoughDecrease = 1e-4;

    public delegate double Objective(ReadOnlySpan<double> at, Span<double> gradient);

    /// <param name="objective">Value and gradient at a point.</param>
    /// <param name="start">Where to begin; not changed.</param>
    /// <param name="tolerance">Done when no entry of the gradient is larger.</param>
    /// <param name="iterationsMax">At most so many steps.</param>
    public static (double[] Point, bool Converged, int Iterations) Minimise(Objective objective, double[] start, double tolerance, int iterationsMax)
    {
        var (point, gradient) = ((double[])start.Clone(), new double[start.Length]);
        var (trial, trialGradient, direction) = (new double[start.Length], new double[start.Length], new double[start.Length]);
        var past = new Queue<(double[] Moved, double[] Changed, double Rho)>();
        var value = objective(point, gradient);
        for (var iteration = 0; iteration < iterationsMax; iteration++)
        {
            if (Largest(gradient) <= tolerance) return (point, true, iteration);
            Direct(gradient, past, direction);
            var slope = Dot(gradient, direction);
            var length = past.Count == 0 ? Math.Min(1, 1 / Largest(gradient)) : 1;
            var found = double.NaN;
            for (var halving = 0; halving < HalvingsMax; halving++, length /= 2)
            {
                for (var i = 0; i < trial.Length; i++) trial[i] = point[i] + (length * direction[i]);
                found = objective(trial, trialGradient);
                if (found <= value + (EnoughDecrease * length * slope)) break;
            }

            if (!(found <= value)) return (point, false, iteration); // Rounding allows no further decrease.
            Remember(past, point, trial, gradient, trialGradient);
            (point, trial, gradient, trialGradient, value) = (trial, point, trialGradient, gradient, found);
        }

        return (point, false, iterationsMax);
    }

    private static void Remember(Queue<(double[] Moved, double[] Changed, double Rho)> past, double[] from, double[] to, double[] before, double[] after)
    {
        var (moved, changed) = (new double[from.Length], new double[from.Length]);
        for (var i = 0; i < from.Length; i++) (moved[i], changed[i]) = (to[i] - from[i], after[i] - before[i]);
        var curvature = Dot(moved, changed);
        if (!(curvature > 1e-14 * Dot(changed, changed))) return; // Without positive curvature the update would not stay positive definite.
        past.Enqueue((moved, changed, 1 / curvature));
        if (past.Count > Memory) past.Dequeue();
    }

    private static void Direct(double[] gradient, Queue<(double[] Moved, double[] Changed, double Rho)> past, double[] direction)
    {
        for (var i = 0; i < direction.Length; i++) direction[i] = -gradient[i];
        var steps = past.ToArray();
        var shares = new double[steps.Length];
        for (var k = steps.Length - 1; k >= 0; k--)
        {
            shares[k] = steps[k].Rho * Dot(steps[k].Moved, direction);
            AddTo(direction, steps[k].Changed, -shares[k]);
        }

        if (steps.Length > 0)
        {
            var (_, changed, rho) = steps[^1];
            var scale = 1 / (rho * Dot(changed, changed));
            for (var i = 0; i < direction.Length; i++) direction[i] *= scale;
        }

        for (var k = 0; k < steps.Length; k++) AddTo(direction, steps[k].Moved, shares[k] - (steps[k].Rho * Dot(steps[k].Changed, direction)));
    }

    private static double Dot(double[] left, double[] right)
    {
        double sum = 0;
        for (var i = 0; i < left.Length; i++) sum += left[i] * right[i];
        return sum;
    }

    private static void AddTo(double[] target, double[] other, double factor)
    {
        for (var i = 0; i < target.Length; i++) target[i] += factor * other[i];
    }

    private static double Largest(double[] values)
    {
        double largest = 0;
        foreach (var value in values) largest = Math.Max(largest, Math.Abs(value));
        return largest;
    }
}
