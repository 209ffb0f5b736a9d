using System.Diagnostics;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Datasets;
using Vae.Shared.Determinism;
using Vae.Shared.Messages;

namespace Vae.Coordinator.Actors;

/// <summary>
/// Prepares each data set once, however many sweeps ask for it, and remembers the answer. Only good answers are kept: a user
/// who corrects a file must not be told of yesterday's mistake. The failure it exists for is the data set that two sweeps would read, hash and cut at once.
/// </summary>
public sealed class DatasetCatalog : IActor
{
    /// <summary>Manifests kept. The oldest is forgotten first, and read again when it is asked for again.</summary>
    public const int KnownMax = 64;

    /// <summary>Sweeps that may wait for one data set; more are turned away.</summary>
    public const int WaitingMax = 1_024;

    private readonly record struct Key(DatasetSource Source, string BaseDirectory);

    private readonly Dictionary<Key, SweepMessage.DatasetReady> _known = [];
    private readonly Queue<Key> _knownByAge = [];
    private readonly Dictionary<Key, List<ActorId>> _waiting = [];

    /// <inheritdoc/>
    public void Receive(ActorId sender, Message message, Instant now, Effects effects)
    {
        switch (message)
        {
            case DatasetMessage.PrepareDataset ask: Ask(ask, effects); break;
            case DatasetMessage.DatasetPrepared prepared: Keep(prepared, effects); break;
            case DatasetMessage.DatasetUnusable unusable: Reject(new(unusable.Source, unusable.BaseDirectory), unusable.Text, effects); break;
            case Signal.JobFailed { Job: PrepareDatasetJob job } failed: Reject(new(job.Source, job.BaseDirectory), failed.Text, effects); break;
            case Signal: break;
            default: throw new UnreachableException($"No rule for {message.GetType().Name}.");
        }
    }

    private void Ask(DatasetMessage.PrepareDataset ask, Effects effects)
    {
        var key = new Key(ask.Source, ask.BaseDirectory);
        if (_known.TryGetValue(key, out var ready))
        {
            effects.Send(ask.ReplyTo, ready);
            return;
        }

        if (!_waiting.TryGetValue(key, out var waiting))
        {
            _waiting[key] = [ask.ReplyTo];
            effects.Run(new PrepareDatasetJob(ask.Source, ask.BaseDirectory));
            return;
        }

        if (waiting.Contains(ask.ReplyTo)) return; // Asked again while the port is still reading.
        if (waiting.Count < WaitingMax) waiting.Add(ask.ReplyTo);
        else effects.Send(ask.ReplyTo, new SweepMessage.DatasetRejected($"{WaitingMax:N0} sweeps wait for this data set already; submit again later."));
    }

    private void Keep(DatasetMessage.DatasetPrepared prepared, Effects effects)
    {
        var key = new Key(prepared.Source, prepared.BaseDirectory);
        var ready = new SweepMessage.DatasetReady(prepared.Manifest, prepared.Warnings);
        if (_known.TryAdd(key, ready)) _knownByAge.Enqueue(key);
        else _known[key] = ready;
        if (_known.Count > KnownMax) _known.Remove(_knownByAge.Dequeue());
        Answer(key, ready, effects);
    }

    private void Reject(Key key, string text, Effects effects) => Answer(key, new SweepMessage.DatasetRejected(text), effects);

    private void Answer(Key key, SweepMessage answer, Effects effects)
    {
        if (!_waiting.Remove(key, out var waiting)) return;
        foreach (var sweep in waiting) effects.Send(sweep, answer);
    }
}
