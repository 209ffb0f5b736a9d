using Vae.Worker.Collectives;

namespace Vae.Benchmarks.Parallel;

/// <summary>A rank that takes its part of each batch and speaks to nobody: what training could be if communication cost nothing.</summary>
internal sealed class SilentAllReduce(int rank, int worldSize) : IAllReduce
{
    public int Rank => rank;

    public int WorldSize => worldSize;

    public string Engine => "none";

    public AllReduceStatistics Statistics => default;

    public void AllReduce(Span<float> buffer, long step, int bucket)
    {
    }

    public void Abort(string reason)
    {
    }

    public void Dispose()
    {
    }
}
