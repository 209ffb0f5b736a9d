using Vae.Shared.Determinism;
using Vae.Shared.Wire;

namespace Vae.Tests.Processes.Support;

/// <summary>What becomes of one frame.</summary>
internal enum FrameFate
{
    Deliver,

    Drop,

    Twice,

    /// <summary>It arrives behind the next one.</summary>
    Late,
}

/// <summary>Decides about the frames that pass a <see cref="FaultProxy"/>. Called from one direction at a time each.</summary>
internal interface IFrameFaults
{
    FrameFate Decide(ushort tag, bool toServer);
}

/// <summary>Loses, doubles and reorders a share of all frames, by a seed.</summary>
internal sealed class RandomFrames(ulong seed, double drop, double twice, double late) : IFrameFaults
{
    private readonly Prng _prng = new(seed);
    private readonly Lock _gate = new();

    public int Dropped { get; private set; }

    public int Doubled { get; private set; }

    public int Delayed { get; private set; }

    public FrameFate Decide(ushort tag, bool toServer)
    {
        lock (_gate)
        {
            var draw = _prng.NextDouble();
            if (draw < drop) return Count(() => Dropped++, FrameFate.Drop);
            if (draw < drop + twice) return Count(() => Doubled++, FrameFate.Twice);
            return draw < drop + twice + late ? Count(() => Delayed++, FrameFate.Late) : FrameFate.Deliver;
        }
    }

    private static FrameFate Count(Func<int> count, FrameFate fate)
    {
        count();
        return fate;
    }
}

/// <summary>Swallows every message of one kind and says that one came.</summary>
internal sealed class Swallow<TMessage> : IFrameFaults
{
    private readonly ushort _tag = MessageCatalog.Default.Find(typeof(TMessage))!.Tag;
    private int _swallowed;

    public int Swallowed => Volatile.Read(ref _swallowed);

    public FrameFate Decide(ushort tag, bool toServer)
    {
        if (tag != _tag) return FrameFate.Deliver;
        Interlocked.Increment(ref _swallowed);
        return FrameFate.Drop;
    }
}

/// <summary>
/// Cuts one direction of a control connection into frames. The hosts' own frames (handshake, pings) always pass; a connection that carries anything but
/// frames (shards, files, gradients) passes as it is, which shows at its first byte that is none.
/// </summary>
internal sealed class FrameCutter
{
    private readonly List<byte> _rest = [];
    private readonly List<byte> _late = [];
    private bool _isRaw;

    public byte[] Pass(ReadOnlySpan<byte> arrived, bool toServer, IFrameFaults faults)
    {
        if (_isRaw) return arrived.ToArray();
        _rest.AddRange(arrived);
        var passed = new List<byte>();
        while (_rest.Count >= FrameHeader.Size)
        {
            var head = new byte[FrameHeader.Size];
            _rest.CopyTo(0, head, 0, head.Length);
            var done = FrameHeader.TryRead(head, out var header) == System.Buffers.OperationStatus.Done;
            if (!done || header.Version != FrameHeader.ProtocolVersion || IsBlob(header.Tag))
            {
                _isRaw = true;
                passed.AddRange(_rest);
                _rest.Clear();
                return [.. passed];
            }

            var length = FrameHeader.Size + (int)header.BodyLength;
            if (_rest.Count < length) break;
            var frame = _rest.GetRange(0, length);
            _rest.RemoveRange(0, length);
            var fate = header.Tag <= FrameHeader.HostTagMax ? FrameFate.Deliver : faults.Decide(header.Tag, toServer);
            if (fate == FrameFate.Late && _late.Count == 0)
            {
                _late.AddRange(frame);
                continue;
            }

            if (fate != FrameFate.Drop) passed.AddRange(frame);
            if (fate == FrameFate.Twice) passed.AddRange(frame);
            passed.AddRange(_late);
            _late.Clear();
        }

        return [.. passed];
    }

    // Tags of requests and answers about shards and files: raw bytes follow them.
    private static bool IsBlob(ushort tag) => tag is >= 0x20 and < 0x30;
}
