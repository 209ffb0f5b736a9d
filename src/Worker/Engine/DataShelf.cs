using Vae.Data;
using Vae.Shared.Datasets;
using Vae.Shared.Sweeps;
using Vae.Torch;
using Vae.Worker.Training;

namespace Vae.Worker.Engine;

/// <summary>Data sets on the training device, one copy for all lanes that train on it. The last one that was given back is kept: the next replica mostly wants the same.</summary>
internal sealed class DataShelf(torch.Device device) : IDisposable
{
    private readonly Lock _gate = new();
    private readonly Dictionary<Key, Entry> _entries = [];

    /// <summary>The data set, put on the device when it is not there yet. Give it back as often as it was taken.</summary>
    public TrainingData Take(DatasetManifest manifest, Binarize binarize, ImageSet images)
    {
        var key = new Key(manifest.Fingerprint, manifest.HeldOut, binarize);
        lock (_gate)
        {
            if (!_entries.TryGetValue(key, out var entry))
            {
                DropUnused(); // Two data sets at once may not fit.
                _entries[key] = entry = new Entry(new TrainingData(images, manifest.HeldOut, binarize, device));
            }

            entry.Users++;
            return entry.Data;
        }
    }

    /// <summary>Gives a data set back.</summary>
    public void Return(TrainingData data)
    {
        lock (_gate)
        {
            var (key, entry) = _entries.First(pair => pair.Value.Data == data);
            if (--entry.Users > 0) return;
            _entries.Remove(key);
            DropUnused();
            _entries[key] = entry;
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            foreach (var entry in _entries.Values) entry.Data.Dispose();
            _entries.Clear();
        }
    }

    private void DropUnused()
    {
        foreach (var (key, entry) in _entries.Where(pair => pair.Value.Users == 0).ToList())
        {
            _entries.Remove(key);
            entry.Data.Dispose();
        }
    }

    private readonly record struct Key(string Fingerprint, int HeldOut, Binarize Binarize);

    private sealed class Entry(TrainingData data)
    {
        public TrainingData Data { get; } = data;

        public int Users { get; set; }
    }
}
