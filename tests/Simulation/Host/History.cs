using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Vae.Shared.Actors;

namespace Vae.Tests.Simulation.Host;

/// <summary>What happened in a run: a fingerprint of everything, counters, and the last events in words.</summary>
public sealed class History
{
    /// <summary>Events that are kept for a failure's report.</summary>
    public const int LastMax = 50;

    private const ulong FnvOffset = 14695981039346656037;
    private const ulong FnvPrime = 1099511628211;

    private readonly Entry[] _last = new Entry[LastMax];
    private readonly long[] _faults = new long[Enum.GetValues<FaultKind>().Length];

    private readonly record struct Entry(TimeSpan At, string What, ActorId? Sender, ActorId? Target, object? Detail);

    /// <summary>FNV-1a, 64 bits, over time, kind, both ends and content of every event. Two runs with one seed must agree on it.</summary>
    public ulong Fingerprint { get; private set; } = FnvOffset;

    /// <summary>Events so far.</summary>
    public long Events { get; private set; }

    /// <summary>Messages that an actor received.</summary>
    public long Delivered { get; private set; }

    /// <summary>How often a kind of fault was met.</summary>
    public long Count(FaultKind kind) => _faults[(int)kind];

    /// <summary>All counters above zero, for people.</summary>
    public string Counters() => string.Join(", ", Enum.GetValues<FaultKind>().Where(k => Count(k) > 0).Select(k => $"{k} {Count(k)}"));

    /// <summary>Gets every event in words, for who replays a seed; null for nobody.</summary>
    public TextWriter? Trace { get; set; }

    internal void Received(TimeSpan at, ActorId sender, ActorId target, Message message, ReadOnlySpan<byte> content)
    {
        Delivered++;
        Add(at, "received", sender, target, message, content);
    }

    internal void Fault(TimeSpan at, FaultKind kind, ActorId? sender, ActorId? target, object? detail)
    {
        _faults[(int)kind]++;
        Add(at, kind.ToString(), sender, target, detail, default);
    }

    internal void Note(TimeSpan at, string what, ActorId? actor, object? detail) => Add(at, what, null, actor, detail, default);

    /// <summary>The last events, oldest first.</summary>
    public string Last()
    {
        var text = new StringBuilder();
        for (var i = Math.Max(0, Events - LastMax); i < Events; i++) Write(_last[i % LastMax], text);

        return text.ToString();
    }

    private static void Write(in Entry entry, StringBuilder text)
    {
        text.Append(CultureInfo.InvariantCulture, $"{entry.At.TotalSeconds,14:F6} s  {entry.What,-22} ");
        if (entry.Sender is { } sender) text.Append(CultureInfo.InvariantCulture, $"{sender} > ");
        if (entry.Target is { } target) text.Append(CultureInfo.InvariantCulture, $"{target}  ");
        text.Append(CultureInfo.InvariantCulture, $"{entry.Detail}\n");
    }

    private void Add(TimeSpan at, string what, ActorId? sender, ActorId? target, object? detail, ReadOnlySpan<byte> content)
    {
        ref var entry = ref _last[Events++ % LastMax];
        entry = new(at, what, sender, target, detail);
        if (Trace is not null)
        {
            var text = new StringBuilder();
            Write(entry, text);
            Trace.Write(text);
        }

        Mix(BitConverter.GetBytes(at.Ticks));
        Mix(what);
        Mix(sender);
        Mix(target);
        if (content.IsEmpty) Mix(detail?.ToString() ?? "");
        else Mix(content);
    }

    private void Mix(ActorId? actor)
    {
        if (actor is not { } id) return;
        Mix(id.Node.Value);
        Mix(id.Name);
    }

    private void Mix(string text) => Mix(MemoryMarshal.AsBytes(text.AsSpan()));

    private void Mix(ReadOnlySpan<byte> bytes)
    {
        var hash = Fingerprint;
        foreach (var value in bytes) hash = (hash ^ value) * FnvPrime;
        Fingerprint = (hash ^ 0xFF) * FnvPrime; // A separator, so that ("ab", "c") and ("a", "bc") differ.
    }
}
