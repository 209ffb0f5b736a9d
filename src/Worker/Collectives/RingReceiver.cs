using System.Buffers;
using Vae.Shared.Collectives;

namespace Vae.Worker.Collectives;

/// <summary>
/// The incoming half: takes from the left neighbour whatever has come, checks each header before a byte of its payload counts, and
/// adds or places the payload piece by piece, so that adding goes on while the neighbour still sends.
/// </summary>
internal sealed unsafe class RingReceiver(RingCourse course, NativeSocket left, int leftRank, int pieceBytes)
{
    private RingFrame _due;
    private Arrival _arrival;
    private byte* _header;
    private byte* _place;
    private int _headerRoom;
    private int _filled; // Bytes behind _header that are not settled: the header at first, later an element that came in half.
    private bool _headerPassed;

    /// <summary>The hop whose frame is due; equal to the course's hop count when all have come.</summary>
    public int Hop { get; private set; }

    /// <summary>Payload bytes of the due frame that are final in their place, and may be sent on.</summary>
    public int Settled { get; private set; }

    public bool Done => Hop == course.HopCount;

    public RingPhase Phase => _due.Phase;

    public long BytesReceived { get; private set; }

    public void Begin()
    {
        Hop = 0;
        Expect();
    }

    /// <summary>Bytes of this all-reduce that have not come yet, headers not counted.</summary>
    public long MissingBytes()
    {
        long missing = -Settled;
        for (var hop = Hop; hop < course.HopCount; hop++) missing += course.ReceivedIn(hop).PayloadBytes;
        return missing;
    }

    /// <summary>One receive.</summary>
    /// <exception cref="FrameRefusedException">The header is not the one due.</exception>
    public Transfer Advance()
    {
        if (!_headerPassed) return AdvanceHeader();
        var transfer = _arrival == Arrival.Add ? AdvanceSum() : AdvancePlace();
        if (Settled == _due.PayloadBytes) Next();
        return transfer;
    }

    private Transfer AdvanceHeader()
    {
        var transfer = left.Receive(_header + _filled, RingFrame.Size + _headerRoom - _filled, out var received);
        if (transfer != Transfer.Moved) return transfer;
        BytesReceived += received;
        _filled += (int)received;
        if (_filled < RingFrame.Size) return transfer;

        CheckHeader();
        _headerPassed = true;
        _filled -= RingFrame.Size;
        if (_arrival == Arrival.Add) AddWholeElements();
        else (Settled, _filled) = (_filled, 0);
        if (Settled == _due.PayloadBytes) Next();
        return transfer;
    }

    private void CheckHeader()
    {
        var difference = RingFrame.TryRead(new ReadOnlySpan<byte>(_header, RingFrame.Size), out var frame) == OperationStatus.Done
            ? frame.DifferenceFrom(_due)
            : "these bytes are no ring frame";
        if (difference is not null) throw new FrameRefusedException(leftRank, _due.Step, difference);
    }

    private Transfer AdvanceSum()
    {
        var scratch = _header + RingFrame.Size;
        var transfer = left.Receive(scratch + _filled, int.Min(_due.PayloadBytes - Settled, pieceBytes) - _filled, out var received);
        if (transfer != Transfer.Moved) return transfer;
        BytesReceived += received;
        _filled += (int)received;
        AddWholeElements();
        return transfer;
    }

    private Transfer AdvancePlace()
    {
        var transfer = left.Receive(_place + Settled, int.Min(_due.PayloadBytes - Settled, pieceBytes), out var received);
        if (transfer != Transfer.Moved) return transfer;
        BytesReceived += received;
        course.Placed(_due, Settled, Settled + (int)received);
        Settled += (int)received;
        return transfer;
    }

    private void AddWholeElements()
    {
        var scratch = _header + RingFrame.Size;
        var elements = _filled / course.ElementBytes;
        course.Add(_due, scratch, Settled, elements);
        var used = elements * course.ElementBytes;
        Settled += used;
        _filled -= used;
        for (var i = 0; i < _filled; i++) scratch[i] = scratch[used + i];
    }

    private void Next()
    {
        Hop++;
        Expect();
    }

    private void Expect()
    {
        (Settled, _filled, _headerPassed) = (0, 0, false);
        if (Done) return;
        _due = course.ReceivedIn(Hop);
        _arrival = RingCourse.ArrivalOf(_due.Phase);
        _place = course.PlaceOf(_due);
        _header = course.HeaderOf(_due, out _headerRoom);
    }
}
