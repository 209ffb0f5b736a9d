using System.Buffers.Binary;
using Vae.Shared.Wire;
using Vae.Worker.Collectives;
using Vae.Worker.Training;

namespace Vae.Worker.Engine;

/// <summary>
/// Brings the ranks of a new generation to one state: that of the member that is furthest. It goes round the ring before an engine is agreed on, so every engine can do it. A member that stands where the source stands has the
/// same state and only passes on what comes; one that is behind, or has just joined, becomes the source's copy: trials, optimizer, position, and the ended trials that nobody has accepted yet.
/// </summary>
/// <param name="trainer">This rank's pack. Between two runs.</param>
/// <param name="ends">This rank's ended trials.</param>
/// <param name="isNew">This rank has not trained in any generation: its position says nothing.</param>
internal sealed class StateTransfer(PackTrainer trainer, KeptEnds ends, bool isNew)
{
    private const uint Magic = 0x31545356; // "VST1"
    private const int HeaderBytes = sizeof(uint) + (3 * sizeof(long));

    // What a trial takes beside its floats: its hyperparameters, names and places of its tensors, figures. Some kilobytes.
    private const long TrialBytesMax = 256 * 1024;

    // A slot's own trial and one before it, and room for the moment between.
    private const int EndsPerSlotMax = 4;

    /// <summary>Gives or takes the state; every rank of the ring calls it, on the thread that its pack is trained on.</summary>
    /// <param name="links">The fresh ring.</param>
    /// <param name="source">The rank whose state it is.</param>
    /// <param name="silence">Longest time that nothing moves.</param>
    /// <param name="cancellation">Gives up early.</param>
    /// <returns>True when this rank's state has become the source's.</returns>
    /// <exception cref="AllReduceException">A rank was lost or silent, or what came is damaged; this rank's state is as it was.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public bool Run(RingLinks links, int source, TimeSpan silence, CancellationToken cancellation)
    {
        using var relay = new StateRelay(links, source, silence, cancellation);
        if (!relay.IsSource) return Take(relay, source);
        Give(relay);
        return false;
    }

    private long StateBytesMax => (trainer.Parameters * sizeof(float) * PackTrainer.StateFloatsPerParameterMax) + ((trainer.Slots + 1) * TrialBytesMax);

    private long EndsBytesMax => Math.Min(Array.MaxLength, EndsPerSlotMax * ((trainer.Parameters * sizeof(float)) + ((trainer.Slots + 1) * TrialBytesMax)));

    private void Give(StateRelay relay)
    {
        var snapshot = new PackSnapshot();
        trainer.Save(snapshot);
        using var state = new PagedStream();
        snapshot.WriteTo(state);
        var ended = ends.Write();
        Span<byte> header = stackalloc byte[HeaderBytes];
        BinaryPrimitives.WriteUInt32LittleEndian(header, Magic);
        BinaryPrimitives.WriteInt64LittleEndian(header[4..], trainer.Progress.Position);
        BinaryPrimitives.WriteInt64LittleEndian(header[12..], state.Length);
        BinaryPrimitives.WriteInt64LittleEndian(header[20..], ended.Length);
        relay.Send(header);
        for (long sent = 0; sent < state.Length;)
        {
            var page = state.PageAt(sent);
            relay.Send(page);
            sent += page.Length;
        }

        relay.Send(ended.Span);
        relay.Seal();
    }

    private bool Take(StateRelay relay, int source)
    {
        Span<byte> header = stackalloc byte[HeaderBytes];
        relay.Receive(header);
        var position = BinaryPrimitives.ReadInt64LittleEndian(header[4..]);
        var (stateBytes, endsBytes) = (BinaryPrimitives.ReadInt64LittleEndian(header[12..]), BinaryPrimitives.ReadInt64LittleEndian(header[20..]));
        if (BinaryPrimitives.ReadUInt32LittleEndian(header) != Magic || position < 0) throw new RingRefusedException(source, $"Rank {source} sends what is no state of a pack. Run the same version on all workers.");
        if (stateBytes < 0 || stateBytes > StateBytesMax || endsBytes < 0 || endsBytes > EndsBytesMax)
            throw new RingRefusedException(source, $"Rank {source} announces a state of {stateBytes} and ended trials of {endsBytes} bytes; a pack of this model has at most {StateBytesMax} and {EndsBytesMax}. Run the same version on all workers.");

        if (!isNew && position == trainer.Progress.Position)
        {
            relay.Skip(stateBytes + endsBytes);
            relay.Seal();
            return false;
        }

        using var state = new PagedStream();
        state.SetLength(stateBytes);
        for (long received = 0; received < stateBytes;)
        {
            var page = state.PageAt(received);
            relay.Receive(page);
            received += page.Length;
        }

        var ended = new byte[endsBytes];
        relay.Receive(ended);
        relay.Seal();
        var snapshot = PackSnapshot.Read(state, $"the state of rank {source}");
        try
        {
            ends.Read(ended, trainer.Image, () => trainer.Load(snapshot)); // All is read before anything of this rank's is replaced.
        }
        catch (Exception malformed) when (malformed is ProtocolException or FormatException)
        {
            throw new RingRefusedException(source, $"Rank {source} sends ended trials that cannot be read: {malformed.Message} Run the same version on all workers.");
        }

        return true;
    }
}
