using Vae.Models.Objectives;
using Vae.Torch;

namespace Vae.Worker.Training;

/// <summary>
/// The floats at the end of the gradient buffer, summed over ranks with it: per slot the distortion, the rate of each column and, where the objective has one, the penalty, then one
/// vote, then the objective's extra columns. The vote is 1 on every rank that holds the next slot order, so a sum of the world's size tells all ranks at the same step that all of
/// them can apply it.
/// </summary>
internal sealed class PackStatistics(int slots, PackObjective objective)
{
    private readonly int _columns = objective.Columns.Rates;
    private readonly bool _hasPenalty = objective.HasPenalty;
    private readonly int _extras = objective.ExtraColumns;
    private readonly float[] _values = new float[Head(slots, objective)];

    private int PenaltyAt => slots * (1 + _columns);

    private int VoteAt => _values.Length - 1;

    /// <summary>Floats needed.</summary>
    public static int Length(int slots, PackObjective objective) => checked(Head(slots, objective) + (slots * objective.ExtraColumns));

    /// <summary>Puts this rank's sums behind its gradients.</summary>
    /// <param name="flat">The buffers; zeroed at the beginning of the step.</param>
    /// <param name="terms">The step's.</param>
    public void WriteSums(FlatParameters flat, in StepTerms terms)
    {
        if (flat.Device.type == DeviceType.CPU)
        {
            terms.Distortion.data<float>().CopyTo(flat.StatisticsSpan);
            terms.Rate.data<float>().CopyTo(flat.StatisticsSpan[slots..]);
            if (_hasPenalty) terms.Penalty!.data<float>().CopyTo(flat.StatisticsSpan[PenaltyAt..]);
            if (_extras > 0) terms.Extra!.data<float>().CopyTo(flat.StatisticsSpan[(VoteAt + 1)..]);
            return;
        }

        using var mode = torch.no_grad();
        flat.Statistics.narrow(0, 0, slots).copy_(terms.Distortion);
        flat.Statistics.narrow(0, slots, slots * _columns).copy_(terms.Rate.view(-1));
        if (_hasPenalty) flat.Statistics.narrow(0, PenaltyAt, slots).copy_(terms.Penalty!);
        if (_extras > 0) flat.Statistics.narrow(0, VoteAt + 1, slots * _extras).copy_(terms.Extra!.view(-1));
    }

    /// <summary>Says that this rank holds the next order.</summary>
    public void WriteVote(FlatParameters flat)
    {
        if (flat.Device.type == DeviceType.CPU) flat.StatisticsSpan[VoteAt] = 1;
        else flat.Statistics.narrow(0, VoteAt, 1).fill_(1);
    }

    /// <summary>Reads the sums over all ranks, but for the extra columns.</summary>
    public void Read(FlatParameters flat)
    {
        if (flat.Device.type == DeviceType.CPU)
        {
            flat.StatisticsSpan[.._values.Length].CopyTo(_values);
            return;
        }

        using var host = (_extras == 0 ? flat.Statistics : flat.Statistics.narrow(0, 0, _values.Length)).cpu();
        host.data<float>().CopyTo(_values);
    }

    /// <summary>The extra columns, [K, E]; the current scope owns the view.</summary>
    public Tensor Extras(FlatParameters flat) => flat.Statistics.narrow(0, VoteAt + 1, slots * _extras).view(slots, _extras);

    /// <summary>Scaled sum of one slot.</summary>
    public double Distortion(int slot) => _values[slot];

    /// <summary>Sum over rows and columns of one slot.</summary>
    public double Rate(int slot)
    {
        var rate = 0.0;
        foreach (var value in _values.AsSpan(slots + (slot * _columns), _columns)) rate += value;
        return rate;
    }

    /// <summary>Scaled penalty of one slot; 0 where the objective has none.</summary>
    public double Penalty(int slot) => _hasPenalty ? _values[PenaltyAt + slot] : 0;

    /// <summary>Ranks that hold the next order.</summary>
    public int Votes => (int)_values[VoteAt];

    private static int Head(int slots, PackObjective objective) => (slots * (1 + objective.Columns.Rates + (objective.HasPenalty ? 1 : 0))) + 1;
}
