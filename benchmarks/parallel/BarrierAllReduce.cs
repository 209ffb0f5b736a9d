using Vae.Worker.Collectives;

namespace Vae.Benchmarks.Parallel;

/// <summary>Ranks wait for each other where they would exchange gradients, and exchange one number: what is left of communication when its bytes cost nothing.</summary>
internal sealed class BarrierAllReduce(IAllReduce inner) : IAllReduce
{
    private readonly float[] _number = new float[1];

    public int Rank => inner.Rank;

    public int WorldSize => inner.WorldSize;

    public string Engine => "barrier";

    public AllReduceStatistics Statistics => inner.Statistics;

    public void AllReduce(Span<float> buffer, long step, int bucket) => inner.AllReduce(_number, step, bucket);

    public void Abort(string reason) => inner.Abort(reason);

    public void Dispose() => inner.Dispose();
}
