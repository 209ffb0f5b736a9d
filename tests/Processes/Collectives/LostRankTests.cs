using Vae.Tests.Processes.Support;

namespace Vae.Tests.Processes.Collectives;

/// <summary>Ranks that are real processes, and are killed, stopped or kept apart while they sum.</summary>
public class LostRankTests
{
    private const int Failed = 3;

    // The first line says that all ranks have met; then 64 MiB go round until something happens.
    private const string SmallThenEndless = "4096,67108864";

    [Theory]
    [InlineData("shared_memory", 2, 1)]
    [InlineData("shared_memory", 4, 0)]
    [InlineData("shared_memory", 4, 2)]
    [InlineData("messagepack", 4, 2)]
    public async Task A_killed_rank_is_named_by_all_others_at_once(string engine, int world, int victim)
    {
        using var gang = new Gang(world, engine, "--deadline", "100");
        await gang.MeetAsync();

        gang.Ranks[victim].Send(RunningProgram.Kill);

        foreach (var rank in Enumerable.Range(0, world).Where(rank => rank != victim))
        {
            var ending = (await gang.Ranks[rank].EndAsync()).Expect(Failed).ExpectNoTrace();
            Assert.Contains($"Rank {victim} was lost", ending.Error, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("shared_memory", 2)]
    [InlineData("shared_memory", 3)]
    [InlineData("messagepack", 3)]
    public async Task A_stopped_rank_is_named_at_the_deadline_and_finds_the_others_gone_when_it_wakes(string engine, int world)
    {
        const int victim = 1;
        using var gang = new Gang(world, engine, "--deadline", "2");
        await gang.MeetAsync();

        gang.Ranks[victim].Send(RunningProgram.Stop);
        var endings = new List<string>();
        foreach (var rank in Enumerable.Range(0, world).Where(rank => rank != victim)) endings.Add((await gang.Ranks[rank].EndAsync()).Expect(Failed).ExpectNoTrace().Error);
        gang.Ranks[victim].Send(RunningProgram.Continue);
        var woken = (await gang.Ranks[victim].EndAsync()).Expect(Failed).ExpectNoTrace();

        // Whoever complains first leaves, and the others may hear that instead.
        Assert.Contains(endings, text => text.Contains("AllReduceTimeoutException", StringComparison.Ordinal) && text.Contains($"rank {victim} ", StringComparison.Ordinal));
        Assert.Matches("was lost|waited", woken.Error);
    }

    [Fact]
    public async Task Killing_all_ranks_in_the_middle_leaves_nothing_in_shared_memory()
    {
        var before = Directory.GetFileSystemEntries("/dev/shm").Order().ToList();
        using (var gang = new Gang(3, "shared_memory"))
        {
            await gang.MeetAsync();
            foreach (var rank in gang.Ranks) rank.Send(RunningProgram.Kill);
            foreach (var rank in gang.Ranks) await rank.EndAsync();
        }

        Assert.DoesNotContain(Directory.GetFileSystemEntries("/dev/shm").Order(), path => !before.Contains(path) && path.Contains("vae", StringComparison.OrdinalIgnoreCase));
    }

    [FactInOtherProcessNamespace]
    public async Task Ranks_in_different_containers_of_one_host_sum_over_tcp()
    {
        using var gang = new Gang(2, "auto", apart: true, "--sizes", "4096", "--seconds", "0.05");

        var first = (await gang.Ranks[0].EndAsync()).Expect(0);
        (await gang.Ranks[1].EndAsync()).Expect(0);

        Assert.Equal("messagepack", SweepJson.Parse(first.Lines.Single()).Text("engine"));
    }

    [FactInOtherProcessNamespace]
    public async Task Shared_memory_asked_for_by_name_says_why_containers_cannot_have_it()
    {
        using var gang = new Gang(2, "shared_memory", apart: true, "--sizes", "4096");

        foreach (var rank in gang.Ranks)
        {
            var ending = (await rank.EndAsync()).Expect(Failed).ExpectNoTrace();
            Assert.Contains("different containers", ending.Error, StringComparison.Ordinal);
            Assert.Contains("all_reduce: auto", ending.Error, StringComparison.Ordinal);
        }
    }

    private sealed class Gang : IDisposable
    {
        public Gang(int world, string engine, params string[] more)
            : this(world, engine, apart: false, [.. more, "--sizes", SmallThenEndless, "--seconds", "300"])
        {
        }

        /// <param name="apart">All ranks but the first run in a PID namespace of their own, as in a container.</param>
        public Gang(int world, string engine, bool apart, params string[] more)
        {
            var ports = string.Join(',', Enumerable.Range(0, world).Select(_ => FreePort.Next()));
            Ranks = [.. Enumerable.Range(0, world).Select(rank =>
            {
                string[] arguments = ["--ranks", $"{world}", "--rank", $"{rank}", "--ports", ports, "--engine", engine, .. more];
                return apart && rank > 0
                    ? RunningProgram.Start("unshare", ["--pid", "--fork", "--mount-proc", Checkout.AllReduce, .. arguments])
                    : RunningProgram.Start(Checkout.AllReduce, arguments);
            })];
        }

        public IReadOnlyList<RunningProgram> Ranks { get; }

        public Task<string> MeetAsync() => Ranks[0].LineAsync("the ranks have met", line => line.Contains("4096", StringComparison.Ordinal));

        public void Dispose()
        {
            foreach (var rank in Ranks) rank.Dispose();
        }
    }
}

/// <summary>A test that gives a process a PID namespace of its own.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class FactInOtherProcessNamespaceAttribute : FactAttribute
{
    public FactInOtherProcessNamespaceAttribute() => Skip = !Environment.IsPrivilegedProcess ? "a PID namespace of its own needs root." : Checkout.Find("unshare") is null ? "unshare is not on the path." : null;
}
