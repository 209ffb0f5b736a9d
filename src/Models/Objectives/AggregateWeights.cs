using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Models.Objectives;

/// <summary>
/// Log weights of the posteriors of a batch of B rows in an estimate of the aggregate posterior of N rows: log q(z_i) = log sum_j exp(weight_ij + log q(z_i | x_j)).
/// <para>Minibatch-weighted sampling (Chen et al. 2018, appendix C.1) gives each 1 / (B N). Minibatch-stratified sampling (appendix C.2) gives a row's own posterior 1 / N, one
/// other (N - B + 1) / (N (B - 1)) and the rest 1 / (B - 1): rows add up to 1, and the density is unbiased over batches. The own one is on the diagonal; widely copied code
/// fills a column in its place and overestimates q(z) up to twofold. A batch of one row has nobody to stand for the others: its own posterior gets all.</para>
/// </summary>
internal sealed class AggregateWeights(TcEstimator estimator) : IDisposable
{
    private const float Nothing = -1e30f; // Not minus infinity: a row of nothing else, in an empty slot, would have no number as its gradient.

    private readonly List<(int Total, int Rows)> _known = [];
    private Tensor? _weights;

    /// <summary>[K, B, B] for the step's slots; <see cref="Nothing"/> outside of a slot's batch. Kept from step to step.</summary>
    public Tensor Of(in StepInputs inputs)
    {
        if (_weights is { } known && IsKnown(inputs)) return known;
        _known.Clear();
        for (var k = 0; k < inputs.Parts.Count; k++) _known.Add((inputs.Parts[k].Total, inputs.Positions[k].TrainRows));
        var largest = GlobalRows.Largest(inputs.Parts);
        var values = new float[_known.Count * largest * largest];
        Array.Fill(values, Nothing);
        for (var k = 0; k < _known.Count; k++)
            for (var i = 0; i < _known[k].Total; i++)
                for (var j = 0; j < _known[k].Total; j++)
                    values[(((k * largest) + i) * largest) + j] = (float)Math.Log(Weight(i, j, _known[k].Total, _known[k].Rows));
        _weights?.Dispose();
        return _weights = torch.tensor(values, [_known.Count, largest, largest], inputs.Ones.device).DetachFromDisposeScope();
    }

    /// <summary>The weight of posterior <paramref name="j"/> in the density at row <paramref name="i"/>.</summary>
    /// <param name="i">0 to B - 1.</param>
    /// <param name="j">0 to B - 1.</param>
    /// <param name="batch">B.</param>
    /// <param name="rows">N, at least B.</param>
    internal double Weight(int i, int j, int batch, int rows)
    {
        if (estimator == TcEstimator.Mws) return 1.0 / ((double)batch * rows);
        if (batch == 1) return 1;
        if (i == j) return 1.0 / rows;
        return j == (i + 1) % batch ? (rows - batch + 1) / ((double)rows * (batch - 1)) : 1.0 / (batch - 1);
    }

    public void Dispose() => _weights?.Dispose();

    private bool IsKnown(in StepInputs inputs)
    {
        if (_known.Count != inputs.Parts.Count) return false;
        for (var k = 0; k < _known.Count; k++)
            if (_known[k] != (inputs.Parts[k].Total, inputs.Positions[k].TrainRows))
                return false;
        return true;
    }
}
