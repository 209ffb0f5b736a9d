using Vae.Shared.Determinism;

namespace Vae.Models.Applications;

/// <summary>Hard clusters to start a mixture from: k-means++ centres (Arthur and Vassilvitskii 2007), then a few rounds of Lloyd's algorithm.</summary>
internal static class KMeans
{
    private const int Rounds = 20; // The mixture moves the boundaries anyway.

    /// <summary>The cluster of each row.</summary>
    /// <param name="rows">[n, d].</param>
    /// <param name="latent">d.</param>
    /// <param name="clusters">At most n.</param>
    /// <param name="seed">The same seed gives the same clusters.</param>
    public static int[] Assign(double[] rows, int latent, int clusters, ulong seed)
    {
        var count = rows.Length / latent;
        var centres = Choose(rows, latent, clusters, seed);
        var assigned = new int[count];
        for (var round = 0; round < Rounds; round++)
        {
            _ = Parallel.For(0, count, row => assigned[row] = Nearest(rows.AsSpan(row * latent, latent), centres, latent).Centre);
            if (!Move(rows, latent, assigned, centres)) break;
        }

        return assigned;
    }

    private static double[] Choose(double[] rows, int latent, int clusters, ulong seed)
    {
        var count = rows.Length / latent;
        var random = new Xoshiro256(seed);
        var centres = new double[clusters * latent];
        var distances = new double[count];
        Array.Fill(distances, double.PositiveInfinity);
        var chosen = (int)random.NextBelow((ulong)count);
        for (var k = 0; k < clusters; k++)
        {
            rows.AsSpan(chosen * latent, latent).CopyTo(centres.AsSpan(k * latent));
            double sum = 0;
            for (var row = 0; row < count; row++)
            {
                distances[row] = Math.Min(distances[row], Distance(rows.AsSpan(row * latent, latent), centres.AsSpan(k * latent, latent)));
                sum += distances[row];
            }

            var left = random.NextDouble() * sum;
            for (chosen = 0; chosen < count - 1 && (left -= distances[chosen]) >= 0; chosen++)
            {
            }
        }

        return centres;
    }

    // False when no centre moved. An empty cluster keeps its centre.
    private static bool Move(double[] rows, int latent, int[] assigned, double[] centres)
    {
        var sums = new double[centres.Length];
        var counts = new int[centres.Length / latent];
        for (var row = 0; row < assigned.Length; row++)
        {
            counts[assigned[row]]++;
            for (var j = 0; j < latent; j++) sums[(assigned[row] * latent) + j] += rows[(row * latent) + j];
        }

        var moved = false;
        for (var i = 0; i < centres.Length; i++)
        {
            if (counts[i / latent] == 0) continue;
            var mean = sums[i] / counts[i / latent];
            moved |= mean != centres[i];
            centres[i] = mean;
        }

        return moved;
    }

    private static (int Centre, double Distance) Nearest(ReadOnlySpan<double> row, double[] centres, int latent)
    {
        var best = (Centre: 0, Distance: double.PositiveInfinity);
        for (var k = 0; k < centres.Length / latent; k++)
        {
            var distance = Distance(row, centres.AsSpan(k * latent, latent));
            if (distance < best.Distance) best = (k, distance);
        }

        return best;
    }

    private static double Distance(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        double sum = 0;
        for (var j = 0; j < a.Length; j++) sum += (a[j] - b[j]) * (a[j] - b[j]);
        return sum;
    }
}
