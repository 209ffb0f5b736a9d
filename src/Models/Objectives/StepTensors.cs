using Vae.Torch;

namespace Vae.Models.Objectives;

/// <summary>Small tensors that follow from a step's inputs.</summary>
internal static class StepTensors
{
    /// <summary>[K, ...] times each slot's scale, 1 / rows of its global batch.</summary>
    public static Tensor Scaled(Tensor values, in SlotWeights weights)
    {
        if (weights.Scale is not { } scale) return values * weights.Uniform;
        for (var i = values.dim(); i > 1; i--) scale = scale.unsqueeze(-1);
        return values * scale;
    }

    /// <summary>[K]: this rank's share of each slot's batch, 0 to 1. What all ranks compute alike, each reports by its share.</summary>
    public static Tensor Shares(in StepInputs inputs)
    {
        Span<float> shares = stackalloc float[inputs.Parts.Count];
        for (var k = 0; k < shares.Length; k++) shares[k] = inputs.Parts[k].Total == 0 ? 0 : (float)inputs.Parts[k].Count / inputs.Parts[k].Total;
        return torch.tensor(shares, [shares.Length], inputs.Ones.device);
    }

    /// <summary>Bool [K, n]: true where a row is its slot's. Null: all are.</summary>
    /// <param name="rows">Int32 [K], or null.</param>
    /// <param name="n">Rows there are.</param>
    public static Tensor? Live(Tensor? rows, long n) => rows is null ? null : torch.arange(n, ScalarType.Int32, rows.device).unsqueeze(0) < rows.unsqueeze(1);

    /// <summary>The values where they are live, else exactly 0, whatever is there.</summary>
    public static Tensor Only(Tensor values, Tensor? live) => live is null ? values : torch.where(live, values, torch.zeros([1], values.dtype, values.device));
}
