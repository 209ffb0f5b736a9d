using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Vae.Torch;
using Vae.Worker.Collectives;
using Vae.Worker.Engine;
using Vae.Worker.Training;

namespace Vae.Tests.Training.Engine.Elastic;

/// <summary>A rank that takes over a state believes nothing that cannot be one, and is as it was when it refuses.</summary>
public sealed class StateTransferTests : IDisposable
{
    private const uint Magic = 0x31545356;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly TrainingData _data = PackRuns.Images();
    private readonly PackTrainer _trainer;
    private readonly KeptEnds _ends = new();

    public StateTransferTests()
    {
        TorchProcess.SetThreads(1);
        _trainer = PackTrainer.Of([PackRuns.Trial(0, steps: 10)], _data, torch.CPU);
    }

    public void Dispose()
    {
        _trainer.Dispose();
        _ends.Dispose();
        _data.Dispose();
    }

    [Theory]
    [InlineData(0x12345678, 0, 100, 0, "no state of a pack")]
    [InlineData(Magic, -1, 100, 0, "no state of a pack")]
    [InlineData(Magic, 0, -1, 0, "announces a state of -1")]
    [InlineData(Magic, 0, long.MaxValue, 0, "announces a state of")]
    [InlineData(Magic, 0, 100, -5, "ended trials of -5")]
    [InlineData(Magic, 0, 100, long.MaxValue, "announces a state of")]
    [InlineData(Magic, 0, 1_000_000_000_000, 0, "a pack of this model has at most")]
    public void What_cannot_be_a_state_of_this_pack_is_refused_before_room_is_made_for_it(uint magic, long position, long state, long ends, string told)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();

        var refused = Assert.Throws<RingRefusedException>(() => Take(relay => relay.Send(Header(magic, position, state, ends))));

        Assert.Contains(told, refused.Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4 * 1024 * 1024);
    }

    [Fact]
    public void A_state_that_is_not_one_inside_is_refused_although_its_digest_fits_and_nothing_changes()
    {
        var was = State();

        Assert.ThrowsAny<Exception>(() => Take(relay =>
        {
            relay.Send(Header(Magic, 5, 1_000, 0));
            relay.Send(new byte[1_000]);
            relay.Seal();
        }));

        Assert.Equal(was, State());
    }

    [Fact]
    public void A_state_that_breaks_off_is_not_used()
    {
        var was = State();

        Assert.Throws<PeerLostException>(() => Take(relay =>
        {
            relay.Send(Header(Magic, 5, was.Length, 0));
            relay.Send(was.AsSpan(0, was.Length / 2));
        }));

        Assert.Equal(was, State());
    }

    [Fact]
    public void A_whole_state_is_taken_over_and_one_of_the_same_position_only_by_who_is_new()
    {
        var (state, ends) = (State(), _ends.Write());
        void Whole(StateRelay relay)
        {
            relay.Send(Header(Magic, _trainer.Progress.Position, state.Length, ends.Length));
            relay.Send(state);
            relay.Send(ends.Span);
            relay.Seal();
        }

        Assert.False(Take(Whole, isNew: false));
        Assert.True(Take(Whole, isNew: true));
        Assert.Equal(state, State());
    }

    [Fact]
    public void A_codebook_that_is_larger_than_all_weights_has_room_in_a_state()
    {
        var plain = PackRuns.Trial(0, steps: 10);
        var trial = plain with { Model = plain.Model with { Family = Vae.Shared.Sweeps.ModelFamily.Vq, Codes = 4096, CodeSize = 48, CodePriorWidth = 1, Encoder = [8] } };
        using var trainer = PackTrainer.Of([trial], _data, torch.CPU);
        var (state, ends) = (State(trainer), _ends.Write());

        Assert.True(Take(
            relay =>
            {
                relay.Send(Header(Magic, trainer.Progress.Position, state.Length, ends.Length));
                relay.Send(state);
                relay.Send(ends.Span);
                relay.Seal();
            },
            trainer: trainer));
        Assert.Equal(state, State(trainer));
    }

    [Fact]
    public void A_sound_state_with_ended_trials_that_cannot_be_read_changes_nothing()
    {
        var was = State();
        var trial = PackRuns.Trial(0, steps: 10);
        using var another = PackTrainer.Of([trial with { Training = trial.Training with { Seed = 9 } }], _data, torch.CPU);
        var state = State(another);
        Assert.NotEqual(was, state);
        byte[] ends = [0x91, 0x90]; // One end, of no fields.

        var refused = Assert.Throws<RingRefusedException>(() => Take(relay =>
        {
            relay.Send(Header(Magic, 5, state.Length, ends.Length));
            relay.Send(state);
            relay.Send(ends);
            relay.Seal();
        }));

        Assert.Contains("ended trials", refused.Message, StringComparison.Ordinal);
        Assert.Equal(was, State());
    }

    private byte[] State() => State(_trainer);

    private static byte[] State(PackTrainer trainer)
    {
        var snapshot = new PackSnapshot();
        trainer.Save(snapshot);
        using var bytes = new MemoryStream();
        snapshot.WriteTo(bytes);
        return bytes.ToArray();
    }

    // Rank 1 of two takes over what a hand-made rank 0 says.
    private bool Take(Action<StateRelay> say, bool isNew = true, PackTrainer? trainer = null)
    {
        var (there, back) = (Connect(), Connect());
        using var source = new RingLinks(new(new("pack", 1, 1), 0, 2, 1, "model"), there.Out, back.In);
        using var taker = new RingLinks(new(new("pack", 1, 1), 1, 2, 1, "model"), back.Out, there.In);
        var saying = Task.Factory.StartNew(() =>
        {
            using var relay = new StateRelay(source, 0, Patience, CancellationToken.None);
            say(relay);
            source.Right.Shutdown(SocketShutdown.Send);
        }, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        try
        {
            return new StateTransfer(trainer ?? _trainer, _ends, isNew).Run(taker, 0, Patience, CancellationToken.None);
        }
        finally
        {
            saying.Wait(Patience);
        }
    }

    private static byte[] Header(uint magic, long position, long state, long ends)
    {
        var header = new byte[28];
        BinaryPrimitives.WriteUInt32LittleEndian(header, magic);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(4), position);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(12), state);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(20), ends);
        return header;
    }

    private static (Socket Out, Socket In) Connect()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var outgoing = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        outgoing.Connect(listener.LocalEndpoint);
        return (outgoing, listener.AcceptSocket());
    }
}
