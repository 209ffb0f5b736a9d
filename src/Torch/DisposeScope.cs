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
/// </summary>
public readonly ref struct DisposeScope
{
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

    internal static void Register(Tensor tensor) => t_ledger?.Add(tensor);

    private sealed class Ledger
    {
        private Tensor?[] _tensors = new Tensor?[256];
        private int _count;
        private int _level;

        internal DisposeScope Open() => new(_count, ++_level);

        internal void Add(Tensor tensor)
        {
            if (_level == 0) return;
            if (_count == _tensors.Length) Array.Resize(ref _tensors, 2 * _count);
            tensor.ScopeLevel = _level;
            _tensors[_count++] = tensor;
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
                if (tensor.ScopeLevel == level) tensor.Dispose();
                else if (tensor.ScopeLevel > 0) _tensors[kept++] = tensor;
            }

            Array.Clear(_tensors, kept, _count - kept);
            _count = kept;
        }
    }
}
