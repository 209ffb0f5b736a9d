using System.Collections;
using System.Runtime.CompilerServices;

namespace Vae.Shared;

/// <summary>An immutable list that compares by content, so that the records holding one compare by content too.</summary>
[CollectionBuilder(typeof(Items), nameof(Items.Create))]
public sealed class Items<T> : IReadOnlyList<T>, IEquatable<Items<T>>
{
    private readonly T[] _values;

    internal Items(T[] values) => _values = values;

    internal static readonly Items<T> None = new([]);

    /// <inheritdoc/>
    public int Count => _values.Length;

    /// <inheritdoc/>
    public T this[int index] => _values[index];

    /// <summary>The items, without a copy.</summary>
    public ReadOnlySpan<T> Span => _values;

    /// <inheritdoc/>
    public bool Equals(Items<T>? other) =>
        other is not null && (ReferenceEquals(this, other) || _values.AsSpan().SequenceEqual(other._values, EqualityComparer<T>.Default));

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as Items<T>);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        // The built-in combiner is seeded per process; this one gives the same value everywhere.
        var hash = 17;
        foreach (var value in _values) hash = unchecked((hash * 31) + (value?.GetHashCode() ?? 0));
        return hash;
    }

    /// <inheritdoc/>
    public IEnumerator<T> GetEnumerator() => ((IEnumerable<T>)_values).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => _values.GetEnumerator();

    /// <inheritdoc/>
    public override string ToString() => _values.Length <= 8 ? $"[{string.Join(", ", _values)}]" : $"[{_values.Length} items]";
}

/// <summary>Makes <see cref="Items{T}"/>.</summary>
public static class Items
{
    /// <summary>A copy of <paramref name="values"/>; also what a collection expression calls.</summary>
    public static Items<T> Create<T>(ReadOnlySpan<T> values) => values.IsEmpty ? Items<T>.None : new(values.ToArray());

    /// <summary>The items of a sequence, in its order.</summary>
    public static Items<T> ToItems<T>(this IEnumerable<T> values) => Create<T>(values.ToArray());
}
