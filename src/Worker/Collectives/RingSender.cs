using Vae.Shared.Collectives;

namespace Vae.Worker.Collectives;

/// <summary>
/// The outgoing half: hands the right neighbour, straight from the gradient buffer, whatever is ready. The first hop's chunk is ready
/// at once; every later one is what the receiver settled in the hop before, and leaves as soon as a worthwhile piece of it is there.
/// </summary>
internal sealed unsafe class RingSender(RingCourse course, RingReceiver receiver, NativeSocket right, int pieceBytes)
{
    private readonly byte[] _header = GC.AllocateArray<byte>(RingFrame.Size, pinned: true);
    private int _hop;
    private int _headerSent;
    private int _sent;
    private RingFrame _frame;
    private byte* _source;

    public bool Done => _hop == course.HopCount;

    public RingPhase Phase => _frame.Phase;

    /// <summary>The last attempt found the kernel's buffer full: the right neighbour is who we wait for.</summary>
    public bool Blocked { get; private set; }

    public long BytesSent { get; private set; }

    public void Begin()
    {
        _hop = 0;
        Prepare();
    }

    /// <summary>Bytes of this all-reduce that the neighbour's side has not taken yet, headers not counted.</summary>
    public long MissingBytes()
    {
        long missing = -_sent;
        for (var hop = _hop; hop < course.HopCount; hop++) missing += course.SentIn(hop).PayloadBytes;
        return missing;
    }

    /// <summary>One send, if anything is ready; <see cref="Transfer.WouldBlock"/> with <see cref="Blocked"/> false means that nothing is.</summary>
    public Transfer Advance()
    {
        Blocked = false;
        var ready = Ready();
        // Pieces below this size would cost more in calls and wake-ups than passing them on early gains.
        if (ready < _frame.PayloadBytes && ready - _sent < pieceBytes) return Transfer.WouldBlock;

        Transfer transfer;
        nint sent;
        fixed (byte* header = _header)
        {
            transfer = right.Send(header + _headerSent, RingFrame.Size - _headerSent, _source + _sent, int.Min(ready - _sent, 4 * pieceBytes), out sent);
        }

        Blocked = transfer == Transfer.WouldBlock;
        if (transfer != Transfer.Moved) return transfer;
        BytesSent += sent;
        var ofHeader = int.Min((int)sent, RingFrame.Size - _headerSent);
        _headerSent += ofHeader;
        _sent += (int)sent - ofHeader;
        if (_headerSent == RingFrame.Size && _sent == _frame.PayloadBytes) Next();
        return transfer;
    }

    private int Ready() => _hop == 0 || receiver.Hop >= _hop ? _frame.PayloadBytes : receiver.Hop == _hop - 1 ? receiver.Settled : -1;

    private void Next()
    {
        _hop++;
        Prepare();
    }

    private void Prepare()
    {
        (_headerSent, _sent, Blocked) = (0, 0, false);
        if (Done) return;
        _frame = course.SentIn(_hop);
        _source = course.PlaceOf(_frame);
        _frame.Write(_header);
    }
}
