using Vae.Data;
using Vae.Data.Shards;
using Vae.Shared.Datasets;

namespace Vae.Worker.Engine;

/// <summary>The last data set that this worker used, decoded: a sweep's trials share it.</summary>
internal sealed class ImageCache(ShardCache shards, IShardSource source) : IDisposable
{
    private readonly SemaphoreSlim _gate = new(1);
    private string? _fingerprint;
    private ImageSet? _images;

    public void Dispose() => _gate.Dispose();

    public async Task<ImageSet> GetAsync(DatasetManifest manifest, CancellationToken cancellation)
    {
        await _gate.WaitAsync(cancellation);
        try
        {
            if (_images is not null && _fingerprint == manifest.Fingerprint) return _images;
            _images = null; // Two data sets at once may not fit.
            _images = await shards.LoadAsync(manifest, source, cancellation);
            _fingerprint = manifest.Fingerprint;
            return _images;
        }
        finally
        {
            _gate.Release();
        }
    }
}
