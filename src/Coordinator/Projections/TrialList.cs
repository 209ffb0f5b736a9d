using Vae.Shared.Sweeps;

namespace Vae.Coordinator.Projections;

/// <summary>
/// The trials of a sweep by index, made when they are asked for: a sweep may have millions of trials, of which a person looks at a few.
/// Not safe to share between threads.
/// </summary>
public sealed class TrialList(SweepDefinition definition) : IDisposable
{
    private readonly List<TrialSpec> _known = [];
    private IEnumerator<TrialSpec>? _rest;

    /// <summary>One trial.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The sweep has no such trial.</exception>
    public TrialSpec this[int index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfNegative(index);
            _rest ??= SweepTrials.Enumerate(definition).GetEnumerator();
            while (_known.Count <= index)
            {
                if (!_rest.MoveNext()) throw new ArgumentOutOfRangeException(nameof(index), index, $"The sweep has {_known.Count} trials.");
                _known.Add(_rest.Current);
            }

            return _known[index];
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _rest?.Dispose();
}
