using Vae.Shared.Sweeps;
using Vae.Worker.Collectives;
using Vae.Worker.Collectives.SharedMemory;

namespace Vae.Tests.Unit.Collectives;

[Collection(nameof(SharedMemoryTests))] // One test counts what this process has open.
public class SharedMemoryTests : AllReduceConformance
{
    protected override LocalRing Ring(int worldSize, RingOptions? options = null, int generation = 1) => LocalRing.Of(new SharedMemoryEngine(), worldSize, options, generation);

    [Fact]
    public void The_sum_is_taken_in_rank_order_whatever_the_size()
    {
        foreach (var elements in (int[])[10, 1000, 300_000])
        {
            using var ring = Ring(5);
            var inputs = Enumerable.Range(0, 5).Select(rank => Input(rank, elements)).ToArray();
            var expected = new float[elements];
            for (var i = 0; i < elements; i++) expected[i] = (((inputs[0][i] + inputs[1][i]) + inputs[2][i]) + inputs[3][i]) + inputs[4][i];

            Assert.All(ring.OnAll(rank => rank.AllReduce(inputs[rank.Rank], 0, 0)), Assert.Null);

            Assert.All(inputs, input => Assert.True(SameBits(expected, input)));
        }
    }

    [Theory]
    [InlineData(4096)]
    [InlineData(65_536)]
    [InlineData(1 << 20)]
    public void The_size_of_blocks_changes_no_bit(int blockBytes)
    {
        using var usual = Ring(3);
        using var other = Ring(3, new() { BlockBytes = blockBytes });
        var wide = Enumerable.Range(0, 3).Select(rank => Input(rank, 200_003)).ToArray();
        var narrow = wide.Select(input => input.ToArray()).ToArray();

        Assert.All(usual.OnAll(rank => rank.AllReduce(wide[rank.Rank], 0, 0)), Assert.Null);
        Assert.All(other.OnAll(rank => rank.AllReduce(narrow[rank.Rank], 0, 0)), Assert.Null);

        Assert.True(SameBits(wide[0], narrow[2]));
    }

    [Theory]
    [InlineData(1000)]
    [InlineData(200_003)]
    public void Two_ranks_get_the_same_bits_through_memory_as_over_tcp(int elements)
    {
        using var memory = Ring(2);
        using var tcp = new LocalRing(2);
        var through = Enumerable.Range(0, 2).Select(rank => Input(rank, elements)).ToArray();
        var over = through.Select(input => input.ToArray()).ToArray();

        Assert.All(memory.OnAll(rank => rank.AllReduce(through[rank.Rank], 0, 0)), Assert.Null);
        Assert.All(tcp.OnAll(rank => rank.AllReduce(over[rank.Rank], 0, 0)), Assert.Null);

        Assert.True(SameBits(through[0], over[1]));
    }

    [Fact]
    public void Buffers_of_changing_size_follow_each_other_through_the_same_slots()
    {
        const int world = 4;
        using var ring = Ring(world, new() { BlockBytes = 4096, ExchangeBytesMax = world * 2048 });
        var sizes = new Random(5).GetItems([0, 1, 7, 512, 513, 1024, 1025, 5000, 40_000], 300);

        var failures = ring.OnAll(rank =>
        {
            for (var step = 0; step < sizes.Length; step++)
            {
                var buffer = new float[sizes[step]];
                for (var i = 0; i < buffer.Length; i++) buffer[i] = ((rank.Rank + 1) * (step % 50)) + (i % 1000);
                rank.AllReduce(buffer, step, step % 3);
                for (var i = 0; i < buffer.Length; i++) Assert.Equal((10 * (step % 50)) + (world * (i % 1000)), buffer[i]);
            }
        });

        Assert.All(failures, Assert.Null);
    }

    [Theory]
    [InlineData(2, 4096)]
    [InlineData(2, 1 << 20)]
    [InlineData(4, 1 << 22)]
    public void Bytes_are_counted_as_the_ring_counts_them_but_for_headers(int world, int bytes)
    {
        using var memory = Ring(world);
        using var tcp = new LocalRing(world);

        Assert.All(memory.OnAll(rank => rank.AllReduce(new float[bytes / sizeof(float)], 0, 0)), Assert.Null);
        Assert.All(tcp.OnAll(rank => rank.AllReduce(new float[bytes / sizeof(float)], 0, 0)), Assert.Null);

        var (ours, theirs) = (memory.Ranks[0].Statistics.BytesSent, tcp.Ranks[0].Statistics.BytesSent);
        Assert.InRange(theirs - ours, 0, 2 * world * 64);
        Assert.Equal(ours, memory.Ranks[0].Statistics.BytesReceived);
    }

    [Fact]
    public void Ranks_that_stand_in_different_steps_refuse_each_other()
    {
        using var ring = Ring(2);

        var failures = ring.OnAll(rank => rank.AllReduce(new float[1000], 5 + rank.Rank, 0));

        Assert.Contains(failures, failure => failure is FrameRefusedException { Difference: "step 6 instead of 5" or "step 5 instead of 6" });
        Assert.All(failures, failure => Assert.IsAssignableFrom<AllReduceException>(failure));
    }

    [Fact]
    public void A_silent_rank_is_named_at_the_deadline_with_the_bytes_it_owes()
    {
        using var ring = Ring(3, new() { Deadline = TimeSpan.FromMilliseconds(300) }, generation: 5);

        var failures = ring.OnAll(rank =>
        {
            if (rank.Rank != 1) rank.AllReduce(new float[3_000_000], 9, 4);
        });

        var timeouts = failures.OfType<AllReduceTimeoutException>().ToList();
        Assert.NotEmpty(timeouts);
        Assert.All(timeouts, timeout =>
        {
            Assert.Equal((5, 9L, 4), (timeout.Generation, timeout.Step, timeout.Bucket));
            Assert.Contains(timeout.Awaited, awaited => awaited is { Rank: 1, MissingBytes: > 7_900_000 });
            Assert.Contains("rank 1 in shared memory", timeout.Message, StringComparison.Ordinal);
        });
    }

    [Fact]
    public void Ranks_of_two_hosts_or_two_containers_are_told_apart()
    {
        var engine = new SharedMemoryEngine();
        var here = engine.Offer(new()).Facts!;
        var hosts = (string boot, string space) => new[] { here, Facts(boot, space) };

        Assert.Null(engine.Objection([here, here, here]));
        Assert.Contains("rank 1 and rank 0 run on different hosts", engine.Objection(hosts("another", "pid:[4026531836]")), StringComparison.Ordinal);
        Assert.Contains("different containers", engine.Objection(hosts(File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim(), "pid:[1]")), StringComparison.Ordinal);
        Assert.Contains("cannot be read", engine.Objection([here, [0xC1]]), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Equal_facts_without_the_memory_behind_them_are_found_out_by_opening_it()
    {
        // Two virtual machines restored from one image say the same of themselves. The address of the other's segment then leads nowhere, or to
        // something else; here to this process's standard input, to a descriptor that is not open, and to a segment of another ring.
        using var other = LocalRing.Of(new SharedMemoryEngine(), 2);
        foreach (var descriptor in (int[])[0, 9999])
        {
            using var attempt = new SharedMemoryEngine().Begin(Hello(1), [Here(), Here()], new());
            var failure = await Assert.ThrowsAsync<Vae.Worker.Collectives.Engines.EngineUnavailableException>(() => attempt.JoinAsync([Address(descriptor), []], null!, default));
            Assert.DoesNotContain("   at ", failure.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_segment_that_does_not_hold_the_rings_secret_is_refused()
    {
        using var maker = new SharedMemoryEngine().Begin(Hello(0), [Here(), Here()], new());
        var address = maker.Announce();
        var forged = address.ToArray();
        forged[^20] ^= 1; // Within the secret, which stands before the layout.

        using (var honest = new SharedMemoryEngine().Begin(Hello(1), [Here(), Here()], new())) await honest.JoinAsync([address, []], null!, default);
        using var deceived = new SharedMemoryEngine().Begin(Hello(1), [Here(), Here()], new());
        var failure = await Assert.ThrowsAsync<Vae.Worker.Collectives.Engines.EngineUnavailableException>(() => deceived.JoinAsync([forged, []], null!, default));

        Assert.Contains("secret", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_segment_leaves_neither_a_file_nor_an_open_descriptor()
    {
        var before = Segments();
        using (var ring = Ring(3))
        {
            Assert.All(ring.OnAll(rank => rank.AllReduce(new float[100_000], 0, 0)), Assert.Null);
            Assert.Equal(before.Descriptors, Segments().Descriptors); // Closed as soon as all have mapped it.
            Assert.Equal(before.Files, Segments().Files);
        }
    }

    private static (int Descriptors, int Files) Segments()
    {
        var open = Directory.EnumerateFileSystemEntries("/proc/self/fd").Select(path => new FileInfo(path).LinkTarget ?? "");
        return (open.Count(target => target.Contains("vae-all-reduce", StringComparison.Ordinal)), Directory.EnumerateFiles("/dev/shm").Count(path => path.Contains("vae", StringComparison.Ordinal)));
    }

    private static RingHello Hello(int rank) => new(new("pack", 1, 1), rank, 2, 1, "model");

    private static byte[] Here() => new SharedMemoryEngine().Offer(new()).Facts!;

    // MessagePack by hand: array of boot id, namespace, process id 1, 2 cores.
    private static byte[] Facts(string boot, string space) => [0x94, .. Text(boot), .. Text(space), 1, 2];

    // Array of process id, descriptor, secret of 32 bytes, slot bytes, exchange bytes.
    private static byte[] Address(int descriptor) =>
        [0x95, 0xCE, .. BigEndian(Environment.ProcessId), 0xCD, (byte)(descriptor >> 8), (byte)descriptor, 0xC4, 32, .. new byte[32], 0xCD, 0x10, 0x00, 0];

    private static byte[] BigEndian(int value) => [(byte)(value >> 24), (byte)(value >> 16), (byte)(value >> 8), (byte)value];

    private static byte[] Text(string text) => [0xD9, (byte)text.Length, .. System.Text.Encoding.ASCII.GetBytes(text)];
}

[Collection(nameof(SharedMemoryTests))]
public class SharedMemoryFailureTests : AllReduceFailureConformance
{
    protected override LocalRing Ring(int worldSize, RingOptions? options = null, int generation = 1) => LocalRing.Of(new SharedMemoryEngine(), worldSize, options, generation);
}
