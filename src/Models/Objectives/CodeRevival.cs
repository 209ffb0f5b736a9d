using System.Runtime.InteropServices;
using Vae.Models.Networks;
using Vae.Shared.Determinism;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Models.Objectives;

/// <summary>
/// Lets codes that are hardly chosen begin anew at vectors of the encoder, else a codebook ends with few codes in use ("random restarts", Dhariwal et al. 2020, Jukebox). A code is
/// dead when its running count is below the trial's threshold. Each step offers some vectors, at places of the global batch that follow from seed and step alone; the rank that has a place sends what is there, the others zeros,
/// so all ranks get the same offers whoever has which rows. Dead codes take them in an order of chance weighted by the squared distance to the nearest code, as k-means++ would (Arthur and Vassilvitskii 2007, section 2.2).
/// </summary>
internal sealed class CodeRevival : IDisposable
{
    // An offer that an earlier one represents a hundred times better than the codebook is no news, and two codes at the same place would share by rounding errors.
    private const double SameAs = 0.01;

    // An error of this share of a vector's squared length is no error.
    private const double Exact = 1e-6;

    private readonly VqNetwork _network;
    private readonly int _offers;
    private readonly int _size;
    private readonly long[] _places;
    private readonly float[] _own;
    private readonly List<long> _dead = [];
    private readonly List<int> _order = [];
    private readonly List<(double Race, int Offer)> _candidates = [];
    private readonly Tensor _placesThere;
    private readonly Tensor _ownThere;

    public CodeRevival(VqNetwork network)
    {
        (_network, _offers, _size) = (network, Math.Min(ObjectiveSize.RevivedPerStep, network.Codebook.Codes), network.Codebook.Size);
        (_places, _own) = (new long[network.Replicas * _offers], new float[network.Replicas * _offers]);
        var device = network.Codebook.Vectors.device;
        _placesThere = torch.zeros([network.Replicas, _offers], ScalarType.Int64, device).DetachFromDisposeScope();
        _ownThere = torch.zeros([network.Replicas, _offers], device: device).DetachFromDisposeScope();
    }

    /// <summary>Columns of the offers: a vector and its squared distance each.</summary>
    public int Columns => checked(_offers * (_size + 1));

    /// <summary>Draws the step's places, and finds which of them are this rank's.</summary>
    public void Prepare(in StepInputs inputs)
    {
        Array.Clear(_places);
        Array.Clear(_own);
        var positions = _network.Positions;
        for (var slot = 0; slot < inputs.Parts.Count; slot++)
        {
            var part = inputs.Parts[slot];
            if (part.Total == 0 || inputs.Positions[slot].Trial.Training.CodeRevival == 0) continue;
            var drawn = _places.AsSpan(slot * _offers, (int)Math.Min(_offers, (long)part.Total * positions));
            Draw(inputs.Positions[slot], (long)part.Total * positions, drawn);
            for (var offer = 0; offer < drawn.Length; offer++)
            {
                var row = (drawn[offer] / positions) - part.First;
                var isOwn = row >= 0 && row < part.Count;
                (drawn[offer], _own[(slot * _offers) + offer]) = isOwn ? ((row * positions) + (drawn[offer] % positions), 1) : (0, 0);
            }
        }

        using var scope = torch.NewDisposeScope();
        _placesThere.copy_(torch.tensor(_places, [inputs.Parts.Count, _offers]));
        _ownThere.copy_(torch.tensor(_own, [inputs.Parts.Count, _offers]));
    }

    /// <summary>This rank's part of the offers, [K, <see cref="Columns"/>]: zeros where a place is another rank's.</summary>
    /// <param name="z">[K, m, C].</param>
    /// <param name="errors">[K, m]: squared distances to the chosen codes.</param>
    public Tensor Offer(Tensor z, Tensor errors)
    {
        var index = _placesThere.unsqueeze(2);
        var there = torch.cat([z.gather(1, index.expand(z.size(0), _offers, _size)), errors.unsqueeze(2).gather(1, index)], 2);
        return (there * _ownThere.unsqueeze(2)).view(z.size(0), Columns);
    }

    /// <summary>Revives dead codes of one slot from the offers of all ranks. All get the same numbers and do the same.</summary>
    public void Commit(int slot, Tensor offers, in SlotPosition at)
    {
        using var scope = torch.NewDisposeScope();
        Dead(_network.Codebook.Counts.select(0, slot).cpu().data<float>(), at.Trial.Training.CodeRevival, _offers, _dead);
        if (_dead.Count == 0) return;
        var host = offers.cpu();
        Order(host.data<float>(), _size, Stream(at, 1), _candidates, _order);
        var revived = Math.Min(_dead.Count, _order.Count);
        if (revived == 0) return;
        Span<long> first = stackalloc long[revived];
        for (var i = 0; i < revived; i++) first[i] = _order[i];
        var chosen = torch.tensor(first, [revived], offers.device);
        var vectors = offers.view(_offers, _size + 1).index_select(0, chosen).narrow(1, 0, _size);
        _network.Codebook.Restart(slot, CollectionsMarshal.AsSpan(_dead)[..revived], vectors);
    }

    public void Dispose()
    {
        _placesThere.Dispose();
        _ownThere.Dispose();
    }

    /// <summary>The first few codes whose count is below the threshold.</summary>
    internal static void Dead(ReadOnlySpan<float> counts, double threshold, int most, List<long> dead)
    {
        dead.Clear();
        for (var code = 0; code < counts.Length && dead.Count < most; code++) if (counts[code] < threshold) dead.Add(code);
    }

    /// <summary>Draws places of a step's offers in the global batch, all different: row times positions + position. Floyd's way of drawing without repetition.</summary>
    /// <param name="at">The trial and its step.</param>
    /// <param name="places">How many there are, at least as many as are drawn.</param>
    /// <param name="drawn">Filled.</param>
    internal static void Draw(in SlotPosition at, long places, Span<long> drawn)
    {
        var random = Stream(at, 0);
        for (var i = 0; i < drawn.Length; i++)
        {
            var last = places - drawn.Length + i;
            var place = (long)random.NextBelow((ulong)last + 1);
            drawn[i] = drawn[..i].Contains(place) ? last : place;
        }
    }

    /// <summary>Which offers to take, the first one first: by chance weighted by their squared distances, without those that the codebook or an earlier one represents.</summary>
    /// <param name="offers">Vectors of <paramref name="size"/> numbers, each followed by its squared distance; 0 where there is none.</param>
    /// <param name="size">C.</param>
    /// <param name="random">Of the step.</param>
    /// <param name="candidates">Room for all offers.</param>
    /// <param name="order">Filled.</param>
    internal static void Order(ReadOnlySpan<float> offers, int size, Xoshiro256 random, List<(double Race, int Offer)> candidates, List<int> order)
    {
        candidates.Clear();
        order.Clear();
        for (var offer = 0; offer < offers.Length / (size + 1); offer++)
        {
            var time = -Math.Log(1 - random.NextDouble()); // Exponential: the one with the least time by distance is drawn first, with a chance in proportion to its distance.
            var vector = offers.Slice(offer * (size + 1), size);
            double distance = offers[(offer * (size + 1)) + size], length = 0;
            foreach (var value in vector) length += (double)value * value;
            if (double.IsFinite(distance) && distance > Exact * length) candidates.Add((time / distance, offer));
        }

        candidates.Sort();
        foreach (var (_, offer) in candidates)
        {
            var isNews = true;
            foreach (var earlier in order) isNews &= Distance(offers, size, earlier, offer) > SameAs * offers[(offer * (size + 1)) + size];
            if (isNews) order.Add(offer);
        }
    }

    private static double Distance(ReadOnlySpan<float> offers, int size, int one, int other)
    {
        var a = offers.Slice(one * (size + 1), size);
        var b = offers.Slice(other * (size + 1), size);
        double sum = 0;
        for (var i = 0; i < size; i++) sum += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        return sum;
    }

    private static Xoshiro256 Stream(in SlotPosition at, ulong use) =>
        Xoshiro256.Keyed(Xoshiro256.MixKey(at.Trial.Training.Seed, NoiseStreams.Of(NoisePurpose.CodeRevival, at.Step)), use);
}
