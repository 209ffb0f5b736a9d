using Vae.Torch;

namespace Vae.Worker.Training;

/// <summary>
/// The floats at the end of the gradient buffer, summed over ranks with it: per slot the distortion and the rate of each latent dimension, then one vote.
/// The vote is 1 on every rank that holds the next slot order, so a sum of the world's size tells all ranks at the same step that all of them can apply it.
/// </summary>
internal sealed class PackStatistics(int slots, int latent)
{
    private readonly float[] _values = new float[Length(slots, latent)];

    private int VoteAt => slots * (1 + latent);

    /// <summary>Floats needed.</summary>
    public static int Length(int slots, int latent) => (slots * (1 + latent)) + 1;

    /// <summary>Puts this rank's sums behind its gradients.</summary>
    /// <param name="flat">The buffers; zeroed at the beginning of the step.</param>
    /// <param name="distortion">[K].</param>
    /// <param name="rate">[K, d].</param>
    public void WriteSums(FlatParameters flat, Tensor distortion, Tensor rate)
    {
        if (flat.Device.type == DeviceType.CPU)
        {
            distortion.data<float>().CopyTo(flat.StatisticsSpan);
            rate.data<float>().CopyTo(flat.StatisticsSpan[slots..]);
            return;
        }

        using var mode = torch.no_grad();
        flat.Statistics.narrow(0, 0, slots).copy_(distortion);
        flat.Statistics.narrow(0, slots, slots * latent).copy_(rate.view(-1));
    }

    /// <summary>Says that this rank holds the next order.</summary>
    public void WriteVote(FlatParameters flat)
    {
        if (flat.Device.type == DeviceType.CPU) flat.StatisticsSpan[VoteAt] = 1;
        else flat.Statistics.narrow(0, VoteAt, 1).fill_(1);
    }

    /// <summary>Reads the sums over all ranks.</summary>
    public void Read(FlatParameters flat)
    {
        if (flat.Device.type == DeviceType.CPU)
        {
            flat.StatisticsSpan.CopyTo(_values);
            return;
        }

        using var host = flat.Statistics.cpu();
        host.data<float>().CopyTo(_values);
    }

    /// <summary>Scaled sum of one slot.</summary>
    public double Distortion(int slot) => _values[slot];

    /// <summary>Sum over rows and dimensions of one slot.</summary>
    public double Rate(int slot)
    {
        var rate = 0.0;
        foreach (var value in _values.AsSpan(slots + (slot * latent), latent)) rate += value;
        return rate;
    }

    /// <summary>Ranks that hold the next order.</summary>
    public int Votes => (int)_values[VoteAt];
}
