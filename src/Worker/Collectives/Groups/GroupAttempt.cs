using System.Net;
using Vae.Torch;
using Vae.Torch.Distributed;
using Vae.Worker.Collectives.Engines;

namespace Vae.Worker.Collectives.Groups;

/// <summary>Which process group to make.</summary>
/// <param name="Backend">The engine.</param>
/// <param name="DeviceIndex">NCCL: the CUDA device.</param>
/// <param name="Deadline">For the ranks to meet.</param>
internal readonly record struct GroupPlan(ProcessGroupBackend Backend, int DeviceIndex, TimeSpan Deadline);

/// <summary>
/// Makes a process group without a port of its own for the ranks to meet at. Joining blocks, on a thread of its own, until this rank has read what the others
/// wrote into the meeting's store; so in round after round all ranks tell each other over the ring what their stores were given since the last one,
/// until every one has joined or some one cannot.
/// </summary>
internal sealed class GroupAttempt(GroupPlan plan, Func<RingLinks, ProcessGroup, IAllReduce> make) : IRingAttempt
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(2);

    private ProcessGroup? _group;

    public byte[] Announce() => [];

    public async Task JoinAsync(IReadOnlyList<byte[]> announcements, RingLinks links, CancellationToken cancellation)
    {
        var store = Made();
        var host = HostOf(links);
        var joining = Task.Factory.StartNew(
            () => ProcessGroup.Join(plan.Backend, store, links.Rank, links.WorldSize, host, plan.DeviceIndex, plan.Deadline),
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        try
        {
            _group = await MeetAsync(store, joining, links, cancellation);
        }
        catch
        {
            // Whoever still joins is woken, and what it comes to is thrown away.
            store.GiveUp();
            _ = joining.ContinueWith(ended => { if (ended.IsCompletedSuccessfully) ended.Result.Dispose(); else _ = ended.Exception; }, TaskScheduler.Default);
            throw;
        }
        finally
        {
            store.Dispose(); // libtorch keeps its own hold of it for as long as it needs it.
        }
    }

    public IAllReduce Complete(RingLinks links)
    {
        var group = _group!;
        _group = null;
        return make(links, group);
    }

    public void Dispose() => _group?.Dispose();

    private static async Task<ProcessGroup> MeetAsync(MeetingStore store, Task<ProcessGroup> joining, RingLinks links, CancellationToken cancellation)
    {
        while (true)
        {
            var own = RoundOf(store, joining);
            var all = await links.GatherAsync(own.Encode(), cancellation);
            var rounds = all.Select((bytes, rank) => MeetingRound.Decode(rank, bytes)).ToList();
            var failed = rounds.FindIndex(round => round.State == MeetingState.Failed);
            if (failed >= 0) throw new EngineUnavailableException(failed == links.Rank ? own.Reason : $"rank {failed} could not join ({rounds[failed].Reason})");
            if (rounds.TrueForAll(round => round.State == MeetingState.Joined)) return await joining;
            for (var rank = 0; rank < rounds.Count; rank++)
            {
                foreach (var word in rank == links.Rank ? [] : rounds[rank].Words) store.Put(word);
            }

            if (!joining.IsCompleted) await Task.WhenAny(joining, Task.Delay(Pause, cancellation));
        }
    }

    private static MeetingRound RoundOf(MeetingStore store, Task<ProcessGroup> joining)
    {
        // Asked before the store is emptied: who has joined says nothing more.
        var state = joining.IsCompletedSuccessfully ? MeetingState.Joined : joining.IsFaulted ? MeetingState.Failed : MeetingState.Meeting;
        if (state == MeetingState.Failed) return new(state, joining.Exception!.InnerException!.Message, []);
        var words = new List<MeetingWord>();
        try
        {
            while (store.TryTake(TimeSpan.Zero, out var word)) words.Add(word);
        }
        catch (TorchException e)
        {
            return new(MeetingState.Failed, e.Message, []);
        }

        var round = new MeetingRound(state, "", words);
        return round.Bytes <= RingLinks.GatherBytesMax ? round : new(MeetingState.Failed, $"a rank's addresses take {round.Bytes} bytes, more than fit into a round; use fewer ranks", []);
    }

    private static MeetingStore Made()
    {
        try
        {
            return new();
        }
        catch (TorchException e)
        {
            throw new EngineUnavailableException(e.Message);
        }
    }

    // The address at which the left neighbour has reached this rank, so the others will too.
    private static string HostOf(RingLinks links)
    {
        var address = ((IPEndPoint)links.Left.LocalEndPoint!).Address;
        return (address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address).ToString();
    }
}
