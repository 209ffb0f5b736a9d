using Vae.Torch;

namespace Vae.Models.Objectives;

/// <summary>
/// The rows of all ranks in one place, for losses that compare the rows of a batch with each other. Each rank writes its own rows where they are in the global batch, into zeros,
/// and the sum over ranks is the whole batch. Only a rank's own rows have a gradient: the all-reduce adds up the rest.
/// </summary>
internal static class GlobalRows
{
    /// <summary>Rows of the largest global batch of all slots, B; the same on all ranks.</summary>
    public static int Largest(IReadOnlyList<RowPart> parts)
    {
        var largest = 0;
        for (var k = 0; k < parts.Count; k++) largest = Math.Max(largest, parts[k].Total);
        return largest;
    }

    /// <summary>[K, n, c] of this rank to [K, B, c] of all; exactly 0 beyond a slot's batch.</summary>
    /// <param name="own">Exactly 0 beyond a slot's own rows.</param>
    /// <param name="inputs">The step.</param>
    public static Tensor Gather(Tensor own, in StepInputs inputs)
    {
        var placed = Place(own, inputs.Parts);
        if (inputs.Exchange.WorldSize == 1) return placed;
        var all = placed.detach().clone();
        inputs.Exchange.Sum(all);
        return placed.requires_grad ? placed + (all - placed.detach()) : all; // Exact: own rows are a - a + a, the others 0 + b.
    }

    /// <summary>The sum of <see cref="Gather"/> on a rank without rows.</summary>
    public static void Abstain(int columns, in StepInputs inputs) =>
        inputs.Exchange.Sum(torch.zeros([inputs.Parts.Count, Largest(inputs.Parts), columns], device: inputs.Ones.device));

    /// <summary>Bool [K, B]: true where a row of the global batch is its slot's.</summary>
    public static Tensor Live(in StepInputs inputs)
    {
        Span<long> totals = stackalloc long[inputs.Parts.Count];
        for (var k = 0; k < totals.Length; k++) totals[k] = inputs.Parts[k].Total;
        var device = inputs.Ones.device;
        return torch.arange(Largest(inputs.Parts), ScalarType.Int64, device).unsqueeze(0) < torch.tensor(totals, [totals.Length], device).unsqueeze(1);
    }

    private static Tensor Place(Tensor own, IReadOnlyList<RowPart> parts)
    {
        var largest = Largest(parts);
        if (Common(parts) is not { } part) return PlaceEach(own, parts, largest);
        if (part.Count == largest && own.size(1) == largest) return own;
        return Between(own.narrow(1, 0, part.Count), part.First, largest, dim: 1);
    }

    private static Tensor PlaceEach(Tensor own, IReadOnlyList<RowPart> parts, int largest)
    {
        var slots = new Tensor[parts.Count];
        for (var k = 0; k < slots.Length; k++) slots[k] = Between(own.select(0, k).narrow(0, 0, parts[k].Count), parts[k].First, largest, dim: 0);
        return torch.stack(slots);
    }

    private static Tensor Between(Tensor rows, int first, int largest, int dim)
    {
        Span<long> shape = stackalloc long[rows.dim()];
        for (var i = 0; i < shape.Length; i++) shape[i] = rows.size(i);
        var rest = largest - first - rows.size(dim);
        shape[dim] = first;
        var before = torch.zeros(shape, device: rows.device);
        shape[dim] = rest;
        return torch.cat([before, rows, torch.zeros(shape, device: rows.device)], dim);
    }

    // The part that all filled slots have in common; the rows of empty slots are 0 anyway.
    private static RowPart? Common(IReadOnlyList<RowPart> parts)
    {
        RowPart? common = null;
        for (var k = 0; k < parts.Count; k++)
        {
            if (parts[k].Total == 0) continue;
            common ??= parts[k];
            if (common != parts[k]) return null;
        }

        return common;
    }
}
