using System.Diagnostics;
using System.Threading.Channels;
using Vae.Coordinator.Projections;
using Vae.Runtime.Actors;
using Vae.Runtime.Storage;
using Vae.Shared;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;

namespace Vae.Coordinator.Hosting;

/// <summary>Asks the actors on behalf of somebody outside and waits for their answers, each time with an address of its own.</summary>
internal sealed class ActorQuestions(ActorSystem system, IStore store, SweepViews views)
{
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan TroubleWithin = TimeSpan.FromSeconds(5); // A store that is back sooner is not worth a word.
    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(1);

    private int _inboxes;

    /// <summary>Takes a sweep; it is durable when the task ends.</summary>
    /// <exception cref="UserFitException">It was turned away; the text says why.</exception>
    public async Task<SweepId> SubmitAsync(SweepDefinition definition, string source, string baseDirectory, CancellationToken cancellation)
    {
        if (store.Trouble is { } known) throw known;
        var startedAt = Stopwatch.GetTimestamp();
        var sweep = SweepIds.New();
        var inbox = system.OpenInbox($"submit-{Interlocked.Increment(ref _inboxes)}");
        try
        {
            system.Post(Addresses.Sweeps, new SweepBookMessage.SubmitSweep(sweep, definition, source, baseDirectory, inbox.Id));
            using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            deadline.CancelAfter(AnswerWithin);
            while (true)
            {
                if (store.Trouble is { } trouble && Stopwatch.GetElapsedTime(startedAt) > TroubleWithin)
                {
                    throw new StoreException(trouble.Fault, $"{trouble.Message} The sweep may still be taken when the store is back: look at the list before sending it again.", trouble);
                }

                using var look = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token);
                look.CancelAfter(LookAgain);
                if (!await WaitAsync(inbox.Reader, look.Token, deadline.Token)) continue;
                if (!inbox.Reader.TryRead(out var answer)) continue;
                switch (answer.Message)
                {
                    case ObserverMessage.SweepAccepted accepted when accepted.Sweep == sweep: return sweep;
                    case ObserverMessage.SweepRejected rejected when rejected.Sweep == sweep: throw new UserFitException(rejected.Text);
                    default: break;
                }
            }
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new UserFitException($"The sweep was not taken within {AnswerWithin.TotalSeconds:F0} s; the coordinator's log says more.");
        }
        finally
        {
            await system.StopRoot(inbox.Id, "answered");
        }
    }

    // False when it is time to look at something else.
    private static async Task<bool> WaitAsync<T>(ChannelReader<T> reader, CancellationToken look, CancellationToken deadline)
    {
        try
        {
            return await reader.WaitToReadAsync(look);
        }
        catch (OperationCanceledException) when (!deadline.IsCancellationRequested)
        {
            return false;
        }
    }

    /// <summary>Who is there, and what for.</summary>
    /// <exception cref="UserFitException">The actors did not answer in time.</exception>
    public async Task<ClusterDocument> DescribeAsync(CancellationToken cancellation)
    {
        var inbox = system.OpenInbox($"describe-{Interlocked.Increment(ref _inboxes)}");
        try
        {
            system.Post(Addresses.Cluster, new ClusterMessage.DescribeCluster(inbox.Id));
            system.Post(Addresses.Placement, new PlacementMessage.DescribePlacement(inbox.Id));
            using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            deadline.CancelAfter(AnswerWithin);
            (ObserverMessage.ClusterDescribed? Members, ObserverMessage.PlacementDescribed? Placed) answer = default;
            while (answer.Members is null || answer.Placed is null)
            {
                var message = (await inbox.Reader.ReadAsync(deadline.Token)).Message;
                answer = (message as ObserverMessage.ClusterDescribed ?? answer.Members, message as ObserverMessage.PlacementDescribed ?? answer.Placed);
            }

            return ClusterDocument.Of(store.Term, answer.Members, answer.Placed, PackOf);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new UserFitException($"The coordinator did not answer within {AnswerWithin.TotalSeconds:F0} s; its log says more.");
        }
        finally
        {
            await system.StopRoot(inbox.Id, "answered");
        }
    }

    private (int? Generation, int? Trials) PackOf(PackId pack, Attempt attempt) => views.Read(pack.Sweep, view =>
        view.Packs.TryGetValue(pack.Number, out var row) && row.Attempt == attempt ? ((int?)row.Generation.Value, (int?)row.Live.Count) : default);
}
