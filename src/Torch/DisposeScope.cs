namespace Vae.Torch;

public static partial class torch
{
    /// <summary>
    /// Opens a scope: tensors made on this thread from now on are freed when it is disposed, except those moved out or detached.
    /// Scopes nest and must close in reverse order; being a ref struct, one cannot be kept across an await or leave its thread.
    /// </summary>
    public static DisposeScope NewDisposeScope() => DisposeScope.Open();
}

/// <summary>
/// A mark in the thread's list of living tensors. A training step makes some hundred tensors, and one native free must follow each:
/// finalizers run too late by gigabytes, and a using per tensor buries the model code. The scope itself is no object at all.
/// <para>A step allocates no managed memory once it has run some times: the wrapper objects that a scope frees are handed out again, but only
/// after <see cref="Quarantine"/> others. Until then a reference kept beyond its scope throws ObjectDisposedException, which is how such a
/// mistake shows itself: in the same step or in one of the next. Tensors moved out or detached are never reused.</para>
/// </summary>
public readonly ref struct DisposeScope
{
    /// <summary>Wrappers freed after a wrapper before that one is used again.</summary>
    internal const int Quarantine = 1024;

    [ThreadStatic] private static Ledger? t_ledger;

    private readonly int _start;
    private readonly int _level;

    private DisposeScope(int start, int level) => (_start, _level) = (start, level);

    /// <summary>Frees what was made since the scope was opened and still belongs to it.</summary>
    /// <exception cref="InvalidOperationException">An inner scope is still open, or this one is closed already.</exception>
    public void Dispose() => t_ledger!.Close(_start, _level);

    /// <summary>Tensors that this scope would free now.</summary>
    public int Count => t_ledger!.CountFrom(_start, _level);

    internal static DisposeScope Open()
    {
        var ledger = t_ledger ??= new();
        return ledger.Open();
    }

    /// <summary>A wrapper of the native tensor, owned by the current scope if there is one.</summary>
    internal static Tensor NewTensor(nint handle) => t_ledger is { } ledger ? ledger.NewTensor(handle) : new Tensor(handle);

    private sealed class Ledger
    {
        private const int RestingMax = 4 * Quarantine; // A power of two: a ring. 128 KiB of wrappers per thread at most.

        private readonly Tensor[] _resting = new Tensor[RestingMax];
        private uint _firstResting, _endResting;
        private Tensor?[] _tensors = new Tensor?[256];
        private int _count;
        private int _level;

        internal DisposeScope Open() => new(_count, ++_level);

        internal Tensor NewTensor(nint handle)
        {
            if (_level == 0) return new(handle);
            Tensor tensor;
            if (_endResting - _firstResting > Quarantine)
            {
                tensor = _resting[_firstResting++ % RestingMax];
                tensor.Reuse(handle);
            }
            else
            {
                tensor = new(handle);
            }

            if (_count == _tensors.Length) Array.Resize(ref _tensors, 2 * _count);
            tensor.ScopeLevel = _level;
            _tensors[_count++] = tensor;
            return tensor;
        }

        internal int CountFrom(int start, int level)
        {
            var count = 0;
            for (var i = start; i < _count; i++)
                if (_tensors[i]!.ScopeLevel == level)
                    count++;
            return count;
        }

        internal void Close(int start, int level)
        {
            if (level != _level) throw new InvalidOperationException("Dispose scopes close in reverse order of opening, each once.");
            _level--;
            // A tensor moved outwards stays in the list, in the part that now belongs to the outer scope.
            var kept = start;
            for (var i = start; i < _count; i++)
            {
                var tensor = _tensors[i]!;
                if (tensor.ScopeLevel == level) Free(tensor);
                else if (tensor.ScopeLevel > 0) _tensors[kept++] = tensor;
            }

            Array.Clear(_tensors, kept, _count - kept);
            _count = kept;
        }

        private void Free(Tensor tensor)
        {
            tensor.Dispose();
            if (_endResting - _firstResting < RestingMax) _resting[_endResting++ % RestingMax] = tensor;
        }
    }
}
