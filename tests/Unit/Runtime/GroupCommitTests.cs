using Vae.Runtime.Storage;
using Vae.Shared;
using Vae.Shared.Messages;

namespace Vae.Tests.Unit.Runtime;

public sealed class GroupCommitTests : IDisposable
{
    private readonly ScriptedWriter _writer = new();

    public void Dispose() => _writer.Dispose();

    [Fact]
    public async Task F15_a_store_that_fails_for_a_while_gets_every_write_once_and_in_order_afterwards()
    {
        _writer.Failures = 7;
        var troubles = new List<StoreFault?>();
        await using var commits = New();
        commits.OnTrouble = trouble => troubles.Add(trouble?.Fault);
        await Task.WhenAll(Enumerable.Range(0, 100).Select(i => commits.EnqueueAsync(Point(i))));
        Assert.Equal(Enumerable.Range(0, 100).Select(i => (long)i), _writer.Written);
        Assert.Equal([StoreFault.Unreachable, null], troubles);
        Assert.Null(commits.Trouble);
    }

    [Fact]
    public async Task A_group_that_is_tried_again_keeps_its_number_and_the_next_one_has_a_greater()
    {
        _writer.Failures = 3;
        await using var commits = New();
        await commits.EnqueueAsync(Point(0));
        await commits.EnqueueAsync(Point(1));
        Assert.Equal([1, 1, 1, 1, 2], _writer.Numbers);
    }

    [Fact]
    public async Task A_fault_that_time_does_not_heal_is_told_at_once()
    {
        _writer.Failures = int.MaxValue;
        _writer.Fault = StoreFault.Damaged;
        await using var commits = New();
        Assert.Equal(StoreFault.Damaged, (await Assert.ThrowsAsync<StoreException>(() => commits.EnqueueAsync(Point(0)))).Fault);
        Assert.Equal([1], _writer.Numbers);
    }

    [Fact]
    public async Task Closing_tries_once_more_and_then_tells_those_who_wait()
    {
        _writer.Failures = int.MaxValue;
        var commits = New();
        var write = commits.EnqueueAsync(Point(0));
        await _writer.Tried.Task;
        await commits.DisposeAsync();
        Assert.Equal(StoreFault.Unreachable, (await Assert.ThrowsAsync<StoreException>(() => write)).Fault);
        Assert.True(_writer.Disposed);
    }

    [Fact]
    public async Task An_idle_store_finds_out_that_it_is_fenced_and_then_stops_asking()
    {
        _writer.Stale = true;
        await using var commits = new GroupCommit(_writer, "test", TimeProvider.System, TimeSpan.FromMilliseconds(5));
        await Assert.ThrowsAsync<StaleTermException>(() => commits.Failure.WaitAsync(TimeSpan.FromSeconds(30)));
        Assert.Equal([1], _writer.Numbers);
    }

    private GroupCommit New() => new(_writer, "test", TimeProvider.System, Timeout.InfiniteTimeSpan);

    private static PendingWrite Point(int step) =>
        new([], [new MetricPoint.TrainStep(0, 1, 1, 0, 1, 1) { Trial = new(new("s-1"), 0), Attempt = new(1), Step = new(step) }], []);

    private sealed class ScriptedWriter : IGroupWriter
    {
        public int Failures { get; set; }

        public StoreFault Fault { get; set; } = StoreFault.Unreachable;

        public bool Stale { get; set; }

        public bool Disposed { get; private set; }

        public List<long> Numbers { get; } = [];

        public List<long> Written { get; } = [];

        public TaskCompletionSource Tried { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Write(IReadOnlyList<PendingWrite> group, long number)
        {
            Numbers.Add(number);
            Tried.TrySetResult();
            if (Stale) throw new StaleTermException(new(2), new(1));
            if (Failures-- > 0) throw new StoreException(Fault, "as scripted");
            Written.AddRange(group.SelectMany(write => write.Points).Select(point => point.Step.Value));
        }

        public void Dispose() => Disposed = true;
    }
}
