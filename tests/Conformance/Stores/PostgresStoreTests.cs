using System.Diagnostics;
using Vae.Runtime.Actors;
using Vae.Runtime.Storage;
using Vae.Runtime.Storage.Postgres;
using Vae.Shared;
using Vae.Shared.Messages;

namespace Vae.Tests.Conformance.Stores;

/// <summary>The store of a cluster with a standby, on a real server.</summary>
public sealed class PostgresStoreConformance : StoreConformance
{
    private readonly Lazy<PostgresAddress> _address = new(() => PostgresAddress.Parse(PostgresServer.Shared.NewDatabase()));

    public static string? Missing => PostgresServer.Missing;

    protected override IOpenStore Open() => new Opened(PostgresStore.Seize(_address.Value, "home", TimeProvider.System));

    private sealed class Opened(PostgresStore store) : IOpenStore
    {
        public IEventStore Events => store;

        public IPointStore Points => store;

        public ValueTask DisposeAsync() => store.DisposeAsync();
    }
}

/// <summary>What only a store on a server can do, or suffer.</summary>
public sealed class PostgresStoreTests
{
    private static readonly TrialId Trial = new(new("s-1"), 0);

    [PostgresFact]
    public async Task Second_coordinator_waits_and_takes_over_when_the_first_one_ends()
    {
        var address = PostgresAddress.Parse(PostgresServer.Shared.NewDatabase());
        var reasons = new List<string>();
        var first = await OpenAsync(address);
        await first.AppendAsync([new("a", Fact(1))]);
        var second = PostgresStore.OpenAsync(address, "home", TimeProvider.System, reasons.Add, default);
        await UntilAsync(() => reasons.Count > 0);
        await first.AppendAsync([new("a", Fact(2))]);
        Assert.False(second.IsCompleted);

        await first.DisposeAsync();
        await using var store = await second.WaitAsync(TimeSpan.FromSeconds(30));

        Assert.Equal(first.Term.Value + 1, store.Term.Value);
        Assert.Equal(["another coordinator is active; this one takes over when that ends"], reasons);
        await store.AppendAsync([new("a", Fact(3))]);
        Assert.Equal([Fact(1), Fact(2), Fact(3)], store.ReadAll().Select(stored => stored.Fact));
    }

    [PostgresFact]
    public async Task Coordinator_that_lost_its_session_writes_nothing_more_once_another_one_has_taken_over_and_learns_so_without_writing()
    {
        using var server = new PostgresServer();
        var url = server.NewDatabase();
        var address = PostgresAddress.Parse(url);
        await using var first = await OpenAsync(address);
        await first.AppendAsync([new("a", Fact(1))]);
        var taking = OpenAsync(address);
        await UntilAsync(() => server.Sql(Database(url), "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'vae standby'") == "1");

        server.Sql(Database(url), "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted");
        await using var second = await taking.WaitAsync(TimeSpan.FromSeconds(30));

        await Assert.ThrowsAsync<StaleTermException>(() => first.Failure.WaitAsync(TimeSpan.FromSeconds(30)));
        await Assert.ThrowsAsync<StaleTermException>(() => first.AppendAsync([new("a", Fact(2))]));
        await second.AppendAsync([new("a", Fact(3))]);
        Assert.Equal([Fact(1), Fact(3)], second.ReadAll().Select(stored => stored.Fact));
    }

    [PostgresFact]
    public async Task F15_a_server_that_crashes_and_comes_back_costs_time_and_nothing_else()
    {
        using var server = new PostgresServer();
        var address = PostgresAddress.Parse(server.NewDatabase());
        var troubles = new List<StoreFault?>();
        await using var store = await OpenAsync(address);
        store.OnTrouble = trouble => troubles.Add(trouble?.Fault);
        var acknowledged = new List<int>();
        var writing = WriteAsync(store, 400, acknowledged);
        await UntilAsync(() => acknowledged.Count > 50);

        server.Stop();
        await UntilAsync(() => store.Trouble is { Fault: StoreFault.Unreachable });
        var before = acknowledged.Count;
        Assert.False(writing.IsCompleted);
        server.Start();
        await writing.WaitAsync(TimeSpan.FromSeconds(60));

        Assert.True(before < 400);
        Assert.Equal(Enumerable.Range(0, 400).Select(Fact), store.ReadAll().Select(stored => stored.Fact));
        Assert.Equal(Enumerable.Range(1, 400).Select(step => (long)step), store.ReadTrainSteps(Trial, new(1)).Select(point => point.Step.Value));
        Assert.Null(store.Trouble);
        Assert.Null(troubles[^1]);
    }

    [PostgresFact]
    public async Task F15_a_lock_held_for_long_delays_the_write_and_a_commit_without_an_answer_is_made_once()
    {
        var url = PostgresServer.Shared.NewDatabase();
        await using var store = await OpenAsync(PostgresAddress.Parse(url));
        await store.AppendAsync([new("a", Fact(0))]);

        // The session is ended in the middle of the transactions, at many places: each fact must be there once all the same.
        using var stop = new CancellationTokenSource();
        var killing = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                PostgresServer.Shared.Sql(Database(url), "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())");
                await Task.Delay(TimeSpan.FromMilliseconds(20));
            }
        });
        await WriteAsync(store, 200, []).WaitAsync(TimeSpan.FromSeconds(120));
        await stop.CancelAsync();
        await killing;

        Assert.Equal(Enumerable.Range(0, 200).Select(Fact).Prepend(Fact(0)), store.ReadAll().Select(stored => stored.Fact));
    }

    [PostgresFact]
    public async Task F18_a_coordinator_that_stands_still_is_put_out_after_its_standbys_own_time()
    {
        var url = PostgresServer.Shared.NewDatabase();
        var address = PostgresAddress.Parse(url);
        using var still = PostgresSession.Open(address, "coordinator"); // Holds the lock and never writes: a process that was stopped.
        PostgresSchema.Migrate(still, "test", 0);
        Assert.True(PostgresSession.TryLock(still));
        var time = new FastTime(speed: 40);

        await using var store = await PostgresStore.OpenAsync(address, "home", time, _ => { }, default).WaitAsync(TimeSpan.FromSeconds(60));

        await store.AppendAsync([new("a", Fact(1))]);
        Assert.Single(store.ReadAll());
    }

    [PostgresFact]
    public async Task Coordinator_with_another_home_folder_is_refused_by_name()
    {
        var address = PostgresAddress.Parse(PostgresServer.Shared.NewDatabase());
        await (await OpenAsync(address)).DisposeAsync();
        var refused = await Assert.ThrowsAsync<StoreException>(() => PostgresStore.OpenAsync(address, "elsewhere", TimeProvider.System, _ => { }, default));
        Assert.Equal(StoreFault.Denied, refused.Fault);
        Assert.Contains("id home, this one has elsewhere", refused.Message, StringComparison.Ordinal);
    }

    [PostgresFact]
    public async Task Mistakes_in_the_address_are_told_in_words_and_never_show_the_password()
    {
        var server = PostgresServer.Shared;
        var url = server.NewDatabase();
        Assert.Equal(StoreFault.Unreachable, await FaultOfAsync(server.UrlOf("nowhere"), "database \"nowhere\" does not exist"));
        Assert.Equal(StoreFault.Refused, await FaultOfAsync(url.Replace("p%40ss", "wrong", StringComparison.Ordinal), "password authentication failed"));
        Assert.Equal(StoreFault.Unreachable, await FaultOfAsync(url.Replace($":{server.Port}/", ":1/", StringComparison.Ordinal), "cannot be reached"));

        static async Task<StoreFault> FaultOfAsync(string url, string text)
        {
            var refused = await Assert.ThrowsAsync<StoreException>(() => PostgresStore.OpenAsync(PostgresAddress.Parse(url), "home", TimeProvider.System, _ => { }, default));
            Assert.Contains(text, refused.Message, StringComparison.Ordinal);
            Assert.DoesNotContain("p@ss", refused.Message, StringComparison.Ordinal);
            return refused.Fault;
        }
    }

    [Theory]
    [InlineData("postgres://u:secret@/db")]
    [InlineData("postgres://u:secret@h")]
    [InlineData("postgres://u:secret@h/db?sslmoed=require")]
    [InlineData("postgres://u:secret@h/db?sslmode=sometimes")]
    [InlineData("mysql://u:secret@h/db")]
    public void An_address_with_a_mistake_is_refused_without_its_password(string url) =>
        Assert.DoesNotContain("secret", Assert.Throws<UserFitException>(() => PostgresAddress.Parse(url)).Message, StringComparison.Ordinal);

    [Fact]
    public void An_address_is_shown_without_its_password() =>
        Assert.Equal("postgres://u@h:5432/db", PostgresAddress.Parse("postgresql://u:secret@h/db?sslmode=verify-full").ToString());

    [PostgresFact]
    public async Task F16_a_damaged_fact_is_named_and_the_others_are_read()
    {
        var url = PostgresServer.Shared.NewDatabase();
        await using var store = await OpenAsync(PostgresAddress.Parse(url));
        await store.AppendAsync([new("a", Fact(1)), new("b", Fact(2)), new("a", Fact(3))]);
        PostgresServer.Shared.Sql(Database(url), "UPDATE vae.events SET body = set_byte(body, 0, get_byte(body, 0) # 1) WHERE seq = 2");

        var damaged = new List<DamagedEvent>();
        Assert.Equal([Fact(1), Fact(3)], store.ReadAll(damaged: damaged.Add).Select(stored => stored.Fact));
        Assert.Equal((2, "b"), (Assert.Single(damaged).Sequence, damaged[0].Stream));
        Assert.Contains("event 2 is damaged", Assert.Throws<StoreException>(() => store.ReadAll().Count()).Message, StringComparison.Ordinal);
    }

    private static async Task WriteAsync(PostgresStore store, int count, List<int> acknowledged)
    {
        for (var i = 0; i < count; i++)
        {
            await Task.WhenAll(store.AppendAsync([new("a", Fact(i))]), store.StoreAsync([new MetricPoint.TrainStep(0, 1, 1, 0, 1, 0.1) { Trial = Trial, Attempt = new(1), Step = new(i + 1) }]));
            lock (acknowledged) acknowledged.Add(i);
        }
    }

    private static Task<PostgresStore> OpenAsync(PostgresAddress address) => PostgresStore.OpenAsync(address, "home", TimeProvider.System, _ => { }, default);

    private static string Database(string url) => url[(url.LastIndexOf('/') + 1)..];

    private static Shared.Actors.DomainEvent Fact(int number) => Hosts.Facts.Number(number);

    private static async Task UntilAsync(Func<bool> isSo)
    {
        var startedAt = Stopwatch.GetTimestamp();
        while (!isSo())
        {
            Assert.True(Stopwatch.GetElapsedTime(startedAt) < TimeSpan.FromSeconds(60), "It did not come about within 60 s.");
            await Task.Delay(10);
        }
    }

    // Time that goes by faster than here, for everything that is measured or waited for.
    private sealed class FastTime(int speed) : TimeProvider
    {
        public override long GetTimestamp() => System.GetTimestamp() * speed;

        public override long TimestampFrequency => System.TimestampFrequency;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => System.CreateTimer(callback, state, dueTime / speed, period);
    }
}
