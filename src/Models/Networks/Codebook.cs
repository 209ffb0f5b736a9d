using Vae.Torch;

namespace Vae.Models.Networks;

/// <summary>
/// K codebooks of V vectors of C numbers (van den Oord et al. 2017, section 3.1), learned without a gradient as running means of the vectors that chose each code (ibid., appendix A.1).
/// Vectors, running counts and running sums are state: they travel with snapshots and files, but no optimizer sees them.
/// </summary>
public sealed class Codebook : Module
{
    /// <summary>Added to each count before dividing by it, so that a code that hardly anything chose is not divided by 0: Laplace smoothing, as in the authors' code.</summary>
    public const double Smoothing = 1e-5;

    internal Codebook(int codes, int size, int replicas, torch.Generator[] generators)
    {
        (Codes, Size) = (codes, size);
        Vectors = register_state("vectors", torch.zeros([replicas, codes, size]));
        Counts = register_state("counts", torch.zeros([replicas, codes]));
        Sums = register_state("sums", torch.zeros([replicas, codes, size]));
        if (generators.Length > 0) torch.nn.init.uniform_(Vectors, -1.0 / codes, 1.0 / codes, generators);
    }

    /// <summary>V.</summary>
    public int Codes { get; }

    /// <summary>C.</summary>
    public int Size { get; }

    /// <summary>[K, V, C]: e, what a code stands for.</summary>
    public Tensor Vectors { get; }

    /// <summary>[K, V]: N, running means of how many vectors of a batch chose each code; 0 for one that was never chosen.</summary>
    public Tensor Counts { get; }

    /// <summary>[K, V, C]: m, running means of the sum of those vectors.</summary>
    public Tensor Sums { get; }

    /// <summary>The code whose vector is nearest (ibid., equation 1); of equally near ones the first. Int64 [K, m].</summary>
    /// <param name="z">[K, m, C].</param>
    public Tensor Nearest(Tensor z)
    {
        using var scope = torch.NewDisposeScope(); // The distances to all codes are much larger than what is wanted of them.
        using var mode = torch.no_grad();
        var lengths = Vectors.square().sum(2).unsqueeze(1);
        return lengths.baddbmm(z.detach(), Vectors.transpose(1, 2), beta: -1, alpha: 2).argmax(2).MoveToOuterDisposeScope(); // -|z - e|^2 + |z|^2.
    }

    /// <summary>The vectors of codes: [K, m, C], without a gradient.</summary>
    /// <param name="codes">Int64 [K, m], 0 to V - 1.</param>
    public Tensor Look(Tensor codes) => Vectors.gather(1, codes.unsqueeze(2).expand(codes.size(0), codes.size(1), Size));

    /// <summary>
    /// One update of one replica's running means by what a global batch chose: N = decay N + (1 - decay) n, m = decay m + (1 - decay) sum z, e = m / N with N smoothed. Both means begin at 0, so their
    /// ratio needs no correction for the start; a code that was never chosen keeps its vector.
    /// </summary>
    /// <param name="replica">0 to K - 1.</param>
    /// <param name="counts">[V]: n.</param>
    /// <param name="sums">[V, C]: sum z.</param>
    /// <param name="decay">0 to below 1.</param>
    public void Update(int replica, Tensor counts, Tensor sums, double decay)
    {
        using var mode = torch.no_grad();
        var (known, total) = (Counts.select(0, replica), Sums.select(0, replica));
        known.mul_(decay).add_(counts, 1 - decay);
        total.mul_(decay).add_(sums, 1 - decay);
        Divide(replica);
    }

    /// <summary>Lets codes of one replica begin anew at given vectors, as if each had just been chosen once.</summary>
    /// <param name="replica">0 to K - 1.</param>
    /// <param name="codes">Int64 [r]: which, each once.</param>
    /// <param name="vectors">[r, C].</param>
    public void Restart(int replica, ReadOnlySpan<long> codes, Tensor vectors)
    {
        using var mode = torch.no_grad();
        var (known, total) = (Counts.select(0, replica), Sums.select(0, replica));
        for (var i = 0; i < codes.Length; i++)
        {
            known.narrow(0, codes[i], 1).fill_(1);
            total.select(0, codes[i]).copy_(vectors.select(0, i));
        }

        Divide(replica);
    }

    // Smoothed on the fly: a smoothed count that was stored would be smoothed again and again.
    private void Divide(int replica)
    {
        var (counts, vectors) = (Counts.select(0, replica), Vectors.select(0, replica));
        var all = counts.sum();
        var smoothed = (counts + Smoothing) * (all / (all + (Codes * Smoothing)));
        var means = Sums.select(0, replica) / smoothed.unsqueeze(1);
        vectors.copy_(torch.where(counts.gt(0).unsqueeze(1), means, vectors));
    }
}
