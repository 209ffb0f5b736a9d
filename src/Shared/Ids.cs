namespace Vae.Shared;

/// <summary>A process that hosts actors: <c>coordinator</c>, or a worker's own name. 1 to 63 characters of [a-z0-9-].</summary>
public readonly record struct NodeId(string Value)
{
    /// <summary>The one coordinator of a cluster.</summary>
    public static readonly NodeId Coordinator = new("coordinator");

    /// <summary>True when <paramref name="text"/> may name a node; anything else is refused at the handshake.</summary>
    public static bool IsValid(string text)
    {
        if (text.Length is 0 or > 63) return false;
        foreach (var c in text)
        {
            if (c is not ((>= 'a' and <= 'z') or (>= '0' and <= '9') or '-')) return false;
        }

        return true;
    }

    /// <inheritdoc/>
    public override string ToString() => Value;
}

/// <summary>One submitted sweep, for example <c>s-7k2m9q</c>. Opaque to clients.</summary>
public readonly record struct SweepId(string Value)
{
    /// <inheritdoc/>
    public override string ToString() => Value;
}

/// <summary>One set of hyperparameters of a sweep; <paramref name="Index"/> counts from 0 in search order.</summary>
public readonly record struct TrialId(SweepId Sweep, int Index)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Sweep}/{Index}";
}

/// <summary>One pack: the trials trained together. Numbered by its sweep from 0; never reused.</summary>
public readonly record struct PackId(SweepId Sweep, int Number)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Sweep}.{Number}";
}

/// <summary>How often a pack was started, from 1. Results of an older attempt are refused.</summary>
public readonly record struct Attempt(int Value)
{
    /// <summary>The attempt after this one.</summary>
    public Attempt Next() => new(Value + 1);
}

/// <summary>One membership of a gang, from 1. All-reduce frames of another generation never enter a sum.</summary>
public readonly record struct Generation(int Value)
{
    /// <summary>No generation: before the first.</summary>
    public static readonly Generation None = new(0);

    /// <summary>Greater than any that there will be.</summary>
    public static readonly Generation Max = new(int.MaxValue);

    /// <summary>The generation after this one.</summary>
    public Generation Next() => new(Value + 1);
}

/// <summary>One life of a coordinator, from 1. Orders of an older term are refused.</summary>
public readonly record struct Term(long Value);

/// <summary>A replica's place in its gang, from 0.</summary>
public readonly record struct Rank(int Value);

/// <summary>One optimizer update. Step 0 is the initial weights; step n is the state after n updates.</summary>
public readonly record struct Step(long Value)
{
    /// <summary>The step after this one.</summary>
    public Step Next() => new(Value + 1); // A method: records print their properties, and this one would never end.
}
