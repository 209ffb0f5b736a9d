using Vae.Runtime.Storage;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Messages;

namespace Vae.Tests.Conformance.Stores;

/// <summary>One opening of a store.</summary>
public interface IOpenStore : IAsyncDisposable
{
    IEventStore Events { get; }

    IPointStore Points { get; }
}

/// <summary>What every store must keep. Each kind of store runs all of it.</summary>
public abstract class StoreConformance
{
    private static readonly TrialId Trial = new(new("s-1"), 2);
    private static readonly Attempt First = new(1);

    /// <summary>Opens the test's store; again while an earlier opening lives, or after it.</summary>
    protected abstract IOpenStore Open();

    [StoreFact]
    public async Task Facts_are_read_back_in_the_order_of_their_appends_and_after_reopening()
    {
        await using (var store = Open())
        {
            for (var i = 0; i < 50; i++) await store.Events.AppendAsync([new($"stream-{i % 3}", Fact(2 * i)), new($"stream-{i % 3}", Fact((2 * i) + 1))]);
        }

        await using var again = Open();
        Assert.Equal(Enumerable.Range(0, 100).Select(Fact), again.Events.ReadAll().Select(stored => stored.Fact));
        Assert.Equal(new[] { 2, 3, 8, 9 }.Select(Fact), again.Events.ReadStream("stream-1").Take(4).Select(stored => stored.Fact));
        Assert.Empty(again.Events.ReadStream("stream-9"));
    }

    [StoreFact]
    public async Task Sequences_grow_and_reading_can_go_on_after_one()
    {
        await using var store = Open();
        await store.Events.AppendAsync([new("a", Fact(0)), new("b", Fact(1)), new("a", Fact(2))]);
        var all = store.Events.ReadAll().ToArray();
        Assert.True(all[0].Sequence >= 1 && all[0].Sequence < all[1].Sequence && all[1].Sequence < all[2].Sequence);
        Assert.Equal([Fact(1), Fact(2)], store.Events.ReadAll(all[0].Sequence).Select(stored => stored.Fact));
        Assert.Equal([Fact(2)], store.Events.ReadStream("a", all[0].Sequence).Select(stored => stored.Fact));
        Assert.All(all, stored => Assert.Equal(store.Events.Term, stored.Term));
    }

    [StoreFact]
    public async Task Appends_that_were_not_waited_for_keep_their_order()
    {
        await using var store = Open();
        await Task.WhenAll(Enumerable.Range(0, 500).Select(i => store.Events.AppendAsync([new("a", Fact(i))])));
        Assert.Equal(Enumerable.Range(0, 500).Select(Fact), store.Events.ReadAll().Select(stored => stored.Fact));
    }

    [StoreFact]
    public async Task Each_opening_takes_a_higher_term_and_an_older_one_can_write_nothing_more()
    {
        await using var older = Open();
        await older.Events.AppendAsync([new("a", Fact(0))]);
        await using var newer = Open();
        Assert.True(newer.Events.Term.Value > older.Events.Term.Value);

        var stale = await Assert.ThrowsAsync<StaleTermException>(() => older.Events.AppendAsync([new("a", Fact(1))]));
        Assert.Equal((newer.Events.Term, older.Events.Term), (stale.Have, stale.Got));
        await Assert.ThrowsAsync<StaleTermException>(() => older.Points.StoreAsync([Step(1)]));

        await newer.Events.AppendAsync([new("a", Fact(2))]);
        Assert.Equal([Fact(0), Fact(2)], newer.Events.ReadAll().Select(stored => stored.Fact));
        Assert.Empty(newer.Points.ReadTrainSteps(Trial, First));
    }

    [StoreFact]
    public async Task A_point_counts_once_however_often_it_is_sent_and_the_first_one_stays()
    {
        await using var store = Open();
        Assert.Equal([Step(2), Step(1), Evaluation(1)], await store.Points.StoreAsync([Step(2), Step(1), Evaluation(1)]));
        Assert.Equal([Step(3)], await store.Points.StoreAsync([Step(1) with { Loss = 99 }, Step(3), Evaluation(1), Step(2), Step(3)]));
        Assert.Equal([Step(1), Step(2), Step(3)], store.Points.ReadTrainSteps(Trial, First));
        Assert.Equal([Evaluation(1)], store.Points.ReadEpochs(Trial, First));
    }

    [StoreFact]
    public async Task Newest_mark_of_each_worker_is_kept_with_the_points_across_a_restart()
    {
        await using var store = Open();
        await store.Points.StoreAsync([Step(1)], [new PointMark(new("b"), ulong.MaxValue, 7), new PointMark(new("a"), 1, 3)]);
        await store.Points.StoreAsync([Step(2)], [new PointMark(new("a"), 2, 1)]);

        await using var again = Open();

        Assert.Equal([new PointMark(new("a"), 2, 1), new PointMark(new("b"), ulong.MaxValue, 7)], again.Points.ReadMarks());
    }

    [StoreFact]
    public async Task Attempts_and_trials_are_kept_apart()
    {
        await using var store = Open();
        var second = Step(1) with { Attempt = new(2), Loss = 7 };
        var neighbour = Step(1) with { Trial = new(Trial.Sweep, 3), Loss = 8 };
        Assert.Equal(3, (await store.Points.StoreAsync([Step(1), second, neighbour])).Count);
        Assert.Equal([second], store.Points.ReadTrainSteps(Trial, new(2)));
        Assert.Equal([new Attempt(1), new Attempt(2)], store.Points.ReadAttempts(Trial));
        Assert.Equal([neighbour], store.Points.ReadTrainSteps(neighbour.Trial, First));
    }

    [StoreFact]
    public async Task Numbers_that_are_not_finite_come_back_as_they_were()
    {
        await using var store = Open();
        var diverged = Step(5) with { Loss = double.NaN, Distortion = double.PositiveInfinity, Rate = double.NegativeInfinity, Beta = -0.0 };
        var evaluation = Evaluation(2) with { Elbo = double.NaN, KlPerDimension = [double.NaN, 0, double.PositiveInfinity, double.Epsilon] };
        await store.Points.StoreAsync([diverged, evaluation]);
        Assert.Equal([diverged], store.Points.ReadTrainSteps(Trial, First));
        Assert.Equal([evaluation], store.Points.ReadEpochs(Trial, First));
    }

    [StoreFact]
    public async Task A_long_curve_is_thinned_but_keeps_its_spikes_and_its_ends()
    {
        await using var store = Open();
        const int Steps = 10_000;
        var points = Enumerable.Range(1, Steps).Select(i => Step(i) with { Loss = i switch { 4_321 => 1e6, 8_765 => -1e6, Steps => double.NaN, _ => 100.0 / i } }).ToArray();
        Assert.Equal(Steps, (await store.Points.StoreAsync(points)).Count);

        var thinned = store.Points.ReadTrainSteps(Trial, First, pointsMax: 100);

        Assert.InRange(thinned.Count, 50, 100);
        Assert.Equal(thinned.OrderBy(point => point.Step.Value), thinned);
        Assert.Equal(thinned.Count, thinned.Distinct().Count());
        foreach (var step in (int[])[1, 4_321, 8_765, Steps]) Assert.Contains(points[step - 1], thinned);
        Assert.All(thinned, point => Assert.Equal(points[point.Step.Value - 1], point));
        Assert.Equal(Steps, store.Points.ReadTrainSteps(Trial, First, Steps).Count);
    }

    [StoreFact]
    public async Task Reading_goes_on_while_others_write()
    {
        await using var store = Open();
        var writing = Task.Run(async () =>
        {
            for (var i = 0; i < 200; i++) await store.Events.AppendAsync([new("a", Fact(2 * i)), new("a", Fact((2 * i) + 1))]);
        });
        var seen = 0;
        while (!writing.IsCompleted)
        {
            var facts = store.Events.ReadStream("a").Select(stored => stored.Fact).ToArray();
            Assert.Equal(Enumerable.Range(0, facts.Length).Select(Fact), facts);
            Assert.True(facts.Length % 2 == 0, "A batch was seen in halves.");
            Assert.True(facts.Length >= seen);
            seen = facts.Length;
        }

        await writing;
    }

    [StoreFact]
    public async Task Points_of_several_writers_at_once_are_new_to_one_of_them_only()
    {
        await using var store = Open();
        var told = await Task.WhenAll(Enumerable.Range(0, 20).Select(writer => store.Points.StoreAsync([Step(1 + (writer % 5)), Evaluation(1), Step(100 + writer)], [new PointMark(new("a"), 1, writer)])));
        Assert.Equal(5 + 1 + 20, told.Sum(fresh => fresh.Count));
        Assert.Equal(Enumerable.Range(1, 5).Concat(Enumerable.Range(100, 20)).Select(step => (long)step), store.Points.ReadTrainSteps(Trial, First).Select(point => point.Step.Value));
    }

    [StoreFact]
    public async Task F07_steps_that_were_thinned_are_named_as_gaps()
    {
        await using var store = Open();
        await store.Points.StoreAsync([.. new long[] { 11, 12, 15, 16, 30 }.Select(step => Step(step)), Step(40) with { Attempt = new(2) }]);
        Assert.Equal([new(new(13), new(14)), new(new(17), new(29))], store.Points.ReadGaps(Trial, First));
        Assert.Equal([new(new(13), new(14))], store.Points.ReadGaps(Trial, First, gapsMax: 1));
        Assert.Empty(store.Points.ReadGaps(Trial, new(2)));
        Assert.Empty(store.Points.ReadGaps(Trial, new(3)));
    }

    private static DomainEvent Fact(int number) => Hosts.Facts.Number(number);

    private static MetricPoint.TrainStep Step(long step) =>
        new(0, 100.0 / step, 90.0 / step, 10.0 / step, 0.5, 0.001) { Trial = Trial, Attempt = First, Step = new(step) };

    private static MetricPoint.Evaluation Evaluation(int epoch) =>
        new(epoch, -80, 70, 10, 2, [9, 1, 0], 81, epoch * 1.5)
        {
            Trial = Trial, Attempt = First, Step = new(epoch * 100), Figures = epoch % 2 == 0 ? [] : [new("perplexity", 0.1 + epoch), new("iwae_bound", double.NaN)],
        };
}

/// <summary>The store of one machine.</summary>
public sealed class SqliteStoreConformance : StoreConformance, IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("vae-store-");

    public void Dispose() => _folder.Delete(recursive: true);

    protected override IOpenStore Open() => new Opened(SqliteStore.Open(Path.Combine(_folder.FullName, "store.db"), TimeProvider.System));

    private sealed class Opened(SqliteStore store) : IOpenStore
    {
        public IEventStore Events => store;

        public IPointStore Points => store;

        public ValueTask DisposeAsync() => store.DisposeAsync();
    }
}

/// <summary>The store without a disk.</summary>
public sealed class InMemoryStoreConformance : StoreConformance
{
    private readonly InMemoryStore.Content _content = new();

    protected override IOpenStore Open() => new Opened(new(_content, TimeProvider.System));

    private sealed class Opened(InMemoryStore store) : IOpenStore
    {
        public IEventStore Events => store;

        public IPointStore Points => store;

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
