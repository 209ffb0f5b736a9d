using Vae.Torch;
using static Vae.Torch.torch;

namespace Vae.Tests.Training.Torch;

public sealed class HeapTests : TorchTest
{
    private const int Line = 64;

    [Fact]
    public void Blocks_of_any_order_and_size_keep_their_values_and_never_meet()
    {
        OnOwnThread(() =>
        {
            var before = HostMemory.InUse().Now;
            var random = new Random(1);
            var living = new List<(Tensor Values, float Mark)>();
            for (var i = 0; i < 4_000; i++)
            {
                if (living.Count > 0 && random.Next(2) == 0)
                {
                    var at = random.Next(living.Count);
                    var (values, mark) = living[at];
                    Assert.Equal(-1, values.data<float>().IndexOfAnyExcept(mark));
                    Assert.Equal(0, Address(values) % Line);
                    values.Dispose();
                    living.RemoveAt(at);
                    continue;
                }

                // From one float to two hundred thousand, as many small ones as large ones.
                living.Add((full([(long)Math.Pow(2, 17.6 * random.NextDouble())], (float)i), i));
            }

            foreach (var (values, mark) in living)
            {
                Assert.Equal(-1, values.data<float>().IndexOfAnyExcept(mark));
                values.Dispose();
            }

            Assert.Equal(before, HostMemory.InUse().Now);
        });
    }

    [Fact]
    public void What_is_asked_for_again_lies_where_it_lay()
    {
        OnOwnThread(() =>
        {
            var first = Step();
            for (var i = 0; i < 10; i++) Assert.Equal(first, Step());
        });

        static List<long> Step()
        {
            using var scope = NewDisposeScope();
            var places = new List<long>();
            var tensors = new List<Tensor>();
            foreach (var size in (int[])[50_000, 80_000, 20_000, 1_000]) tensors.Add(empty([size]));
            tensors[1].Dispose();
            tensors.Add(empty([70_000]));
            tensors.Add(empty([9_000]));
            foreach (var tensor in tensors) if (!ReferenceEquals(tensor, tensors[1])) places.Add(Address(tensor));
            return places;
        }
    }

    [Fact]
    public void Neighbours_that_are_free_are_one_place_for_something_larger()
    {
        OnOwnThread(() =>
        {
            using var front = empty([100_000]);
            var left = empty([100_000]);
            var right = empty([100_000]);
            using var behind = empty([100_000]);
            var place = Address(left);
            right.Dispose();
            left.Dispose();

            using var both = empty([200_000]);

            Assert.Equal(place, Address(both));
        });
    }

    [Fact]
    public void A_tensor_may_be_freed_on_another_thread_and_outlive_its_own()
    {
        Tensor? made = null;
        OnOwnThread(() => made = full([100_000], 3f).DetachFromDisposeScope());

        OnOwnThread(() =>
        {
            using var others = full([100_000], 4f);
            Assert.Equal(-1, made!.data<float>().IndexOfAnyExcept(3f));
            made.Dispose();
            Assert.Equal(-1, others.data<float>().IndexOfAnyExcept(4f));
        });
    }

    [Fact]
    public void The_most_that_was_in_use_is_told_once()
    {
        OnOwnThread(() =>
        {
            var before = HostMemory.InUse().Now;
            using (ones([1_000_000])) { }

            var (now, most) = HostMemory.InUse();

            Assert.Equal(before, now);
            Assert.InRange(most - before, 4_000_000, 4_001_000);
            Assert.Equal((before, before), HostMemory.InUse());
        });
    }

    [Fact]
    public void What_was_left_behind_goes_back_when_asked_and_what_lives_stays()
    {
        OnOwnThread(() =>
        {
            using var living = full([100_000], 5f);
            using (ones([50_000_000])) { }
            var before = Resident();

            HostMemory.Release();

            Assert.InRange(before - Resident(), 150_000_000, 250_000_000);
            Assert.Equal(-1, living.data<float>().IndexOfAnyExcept(5f));
            using var again = ones([1_000_000]);
            Assert.Equal(-1, again.data<float>().IndexOfAnyExcept(1f));
        });
    }

    // Its heap is its own, or one of a thread that has ended, of whose tensors some may live on.
    private static void OnOwnThread(Action work)
    {
        Exception? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                work();
            }
            catch (Exception exception)
            {
                failure = exception;
            }
        });
        thread.Start();
        thread.Join();
        if (failure is not null) throw new InvalidOperationException(failure.Message, failure);
    }

    private static unsafe long Address(Tensor tensor)
    {
        fixed (float* values = tensor.data<float>()) return (long)values;
    }

    private static long Resident() =>
        1024 * long.Parse(File.ReadLines("/proc/self/status").First(line => line.StartsWith("VmRSS:", StringComparison.Ordinal)).Split(':')[1].Trim().Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture);
}
