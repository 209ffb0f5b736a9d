using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Vae.Shared.Collectives;
using Vae.Shared.Wire;

namespace Vae.Worker.Collectives.Engines;

/// <summary>
/// Finds out how the ranks of a ring best use TCP between them, by summing a megabyte with each of a few settings. The ranks decide together after
/// each trial, so all use the same and all stop at the same time. What was found holds for the process: the next ring of that kind uses it at once.
/// </summary>
internal static class LinkTuner
{
    // The whole measurement may delay a ring by this; trials that no longer fit are left out. A trial that takes longer is not cut short.
    private static readonly TimeSpan Budget = TimeSpan.FromMilliseconds(8);

    private const int TrialBytes = 1 << 20, RoundsPerTrial = 2, WarmUps = 2;

    // Trials this short differ by a third with the same setting. The list begins with what longer measurements found best, and only what is
    // clearly faster here replaces it.
    private const double WorthChanging = 0.65;

    private static readonly ConcurrentDictionary<LinkKind, LinkSetting> Known = new();

    /// <summary>The setting for this ring, and how it was come by.</summary>
    /// <exception cref="AllReduceException">A rank was lost meanwhile.</exception>
    public static async Task<(LinkSetting Setting, string Why)> ChooseAsync(RingLinks links, RingOptions options, CancellationToken cancellation)
    {
        if (!options.MeasureLinks) return (LinkSetting.Of(options), "as the options say");
        var said = (await links.GatherAsync(OwnCard(links).Encode(), cancellation)).Select((bytes, rank) => LinkCard.Decode(rank, bytes)).ToList();
        var kind = KindOf(said);
        if (kind == LinkKind.Network) return (LinkSetting.ForNetwork(options), "between hosts, where nothing is measured");
        if (said.Select(card => card.Known[(int)kind]).FirstOrDefault(setting => setting is not null) is { } known)
        {
            // All see the same cards, so all take the same one; a rank that is new to the gang shall not cost the others a measurement.
            Known.TryAdd(kind, known);
            return (known, "as measured before");
        }

        return await MeasureAsync(links, options, kind, cancellation);
    }

    private static async Task<(LinkSetting Setting, string Why)> MeasureAsync(RingLinks links, RingOptions options, LinkKind kind, CancellationToken cancellation)
    {
        var buffer = GC.AllocateArray<float>(TrialBytes / sizeof(float), pinned: true);
        var (best, bestSeconds, firstSeconds, trials, step) = (new LinkSetting(Unpaced, options.SocketBufferBytes, options.PieceBytes), double.MaxValue, 0.0, 0, 0L);
        using (var warm = RingAllReduce.OnTrial(links, best.In(options)))
        {
            // The first sum of a process is spent on compiling the code that the first step would wait for otherwise.
            for (var i = 0; i < WarmUps; i++) _ = await OnThreadAsync(() => Time(warm, buffer, ref step), cancellation);
        }

        var started = Stopwatch.GetTimestamp();
        foreach (var change in Changes)
        {
            var candidate = change(best);
            if (trials >= FirstTrials && candidate == best) continue;
            using (var ring = RingAllReduce.OnTrial(links, candidate.In(options)))
            {
                var own = await OnThreadAsync(() => Time(ring, buffer, ref step), cancellation);
                var elapsed = Stopwatch.GetElapsedTime(started).TotalSeconds;
                var times = await links.GatherAsync(Numbers(own, elapsed), cancellation);
                var seconds = times.Max(time => Number(time, 0));
                trials++;
                if (candidate == best) bestSeconds = Math.Min(bestSeconds, seconds);
                else if (seconds < bestSeconds * WorthChanging) (best, bestSeconds) = (candidate, seconds);
                if (trials == 1) firstSeconds = seconds;
                if (Number(times[0], 1) >= Budget.TotalSeconds) break; // Rank 0's clock counts.
            }
        }

        Known[kind] = best;
        return (best, $"best of {trials} measured in {Stopwatch.GetElapsedTime(started).TotalMilliseconds:0.0} ms, {TrialBytes >> 20} MiB in {bestSeconds * 1e3:0.00} ms against {firstSeconds * 1e3:0.00} ms at first");
    }

    // Each is tried with what was best so far. The first stands there twice, because the first trial of all is slow whatever it tries. Buffers that
    // the kernel adapts are not among them: a socket whose buffers were set once cannot be given back to its care.
    private static readonly Func<LinkSetting, LinkSetting>[] Changes =
    [
        best => best,
        best => best,
        best => best with { Congestion = "" },
        best => best with { BufferBytes = 4 << 20 },
        best => best with { PieceBytes = 1 << 20 },
        best => best with { PieceBytes = 64 << 10 },
    ];

    private const int FirstTrials = 2;
    private const string Unpaced = "reno";

    // The ring blocks its thread, which is not the pool's to give.
    private static Task<double> OnThreadAsync(Func<double> time, CancellationToken cancellation) =>
        Task.Factory.StartNew(time, cancellation, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private static double Time(RingAllReduce ring, float[] buffer, ref long step)
    {
        var best = double.MaxValue;
        for (var round = 0; round < RoundsPerTrial; round++)
        {
            var started = Stopwatch.GetTimestamp();
            ring.AllReduce(buffer, step++, 0);
            best = Math.Min(best, Stopwatch.GetElapsedTime(started).TotalSeconds);
        }

        return best;
    }

    private static LinkKind KindOf(List<LinkCard> said)
    {
        var kind = LinkKind.Loopback;
        for (var rank = 0; rank < said.Count; rank++)
        {
            var right = said[RingSchedule.RightOf(rank, said.Count)];
            var link = said[rank].RightIsLoopback ? LinkKind.Loopback : said[rank].Boot.Length > 0 && said[rank].Boot == right.Boot ? LinkKind.Host : LinkKind.Network;
            if (link > kind) kind = link;
        }

        return kind;
    }

    private static LinkCard OwnCard(RingLinks links)
    {
        var (local, remote) = (links.Right.LocalEndPoint as IPEndPoint, links.Right.RemoteEndPoint as IPEndPoint);
        var loopback = links.Right.ProtocolType == ProtocolType.Tcp && remote is not null && (IPAddress.IsLoopback(remote.Address) || remote.Address.Equals(local?.Address));
        var boot = SharedMemory.HostFacts.TryReadBoot();
        return new(boot, loopback, [Known.GetValueOrDefault(LinkKind.Loopback), Known.GetValueOrDefault(LinkKind.Host)]);
    }

    private static byte[] Numbers(double first, double second)
    {
        var bytes = new byte[2 * sizeof(double)];
        BinaryPrimitives.WriteDoubleLittleEndian(bytes, first);
        BinaryPrimitives.WriteDoubleLittleEndian(bytes.AsSpan(sizeof(double)), second);
        return bytes;
    }

    private static double Number(byte[] bytes, int index) =>
        bytes.Length == 2 * sizeof(double) ? BinaryPrimitives.ReadDoubleLittleEndian(bytes.AsSpan(index * sizeof(double))) : double.MaxValue;
}

/// <summary>What a rank says of its links before they are measured.</summary>
/// <param name="Boot">Its host; empty when unknown.</param>
/// <param name="RightIsLoopback">Its link to the right runs over the loopback device.</param>
/// <param name="Known">What it has measured before, by kind of link.</param>
internal sealed record LinkCard(string Boot, bool RightIsLoopback, IReadOnlyList<LinkSetting?> Known)
{
    private const int FieldCount = 4;

    /// <summary>MessagePack array of boot, loopback, and the settings for loopback and host, empty where there is none.</summary>
    public byte[] Encode()
    {
        var buffer = new WireBuffer(128);
        var writer = new MsgPackWriter(buffer);
        writer.WriteArrayHeader(FieldCount);
        writer.Write(Boot);
        writer.Write(RightIsLoopback);
        foreach (var setting in Known) writer.Write(setting?.Encode() ?? "");
        writer.Flush();
        return buffer.Written.ToArray();
    }

    /// <exception cref="RingRefusedException">The bytes are no such card.</exception>
    public static LinkCard Decode(int rank, ReadOnlySpan<byte> bytes)
    {
        try
        {
            var reader = new MsgPackReader(bytes);
            if (reader.BeginArray() != FieldCount) MsgPackReader.Throw(ProtocolErrorKind.MissingField, 0, $"a link card has {FieldCount} fields");
            var card = new LinkCard(reader.ReadString(), reader.ReadBoolean(), [LinkSetting.Decode(reader.ReadString()), LinkSetting.Decode(reader.ReadString())]);
            reader.EndNested();
            reader.RequireEnd();
            return card;
        }
        catch (ProtocolException e)
        {
            throw new RingRefusedException(rank, $"Rank {rank} says of its links what cannot be read ({e.Message}). Run the same version on all workers.");
        }
    }
}
