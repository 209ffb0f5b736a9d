using System.Buffers;
using FsCheck;
using FsCheck.Fluent;
using Vae.Shared.Collectives;
using Vae.Shared.Wire;

namespace Vae.Tests.Properties.Collectives;

public class RingFrameProperties
{
    private static readonly Gen<RingFrame> Frames =
        from generation in Gen.Choose(0, int.MaxValue)
        from stepHigh in Gen.Choose(0, int.MaxValue)
        from stepLow in Gen.Choose(0, int.MaxValue)
        from bucket in Gen.Choose(0, int.MaxValue)
        from phase in Gen.Elements(Enum.GetValues<RingPhase>())
        from chunk in Gen.Choose(0, int.MaxValue)
        from type in Gen.Elements(Enum.GetValues<ElementType>())
        from length in Gen.Choose(0, 4096)
        select new RingFrame(generation, ((long)stepHigh << 32) | (uint)stepLow, bucket, phase, chunk, type, length);

    [Fact]
    public void A_frame_survives_its_own_bytes() =>
        Prop.ForAll(Frames.ToArbitrary(), frame =>
        {
            Span<byte> bytes = stackalloc byte[RingFrame.Size];
            frame.Write(bytes);
            return RingFrame.TryRead(bytes, out var read) == OperationStatus.Done && read == frame && read.DifferenceFrom(frame) is null;
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void A_general_messagepack_decoder_reads_the_same_fields_and_payload() =>
        Prop.ForAll(Frames.ToArbitrary(), frame =>
        {
            var bytes = new byte[RingFrame.Size + frame.PayloadBytes];
            frame.Write(bytes);
            for (var i = RingFrame.Size; i < bytes.Length; i++) bytes[i] = (byte)(i * 31);

            var reader = new MsgPackReader(bytes);
            var same = reader.BeginArray() == 6
                && reader.ReadInt32() == frame.Generation && reader.ReadInt64() == frame.Step && reader.ReadInt32() == frame.Bucket
                && reader.ReadInt32() == (int)frame.Phase && reader.ReadInt32() == frame.Chunk && reader.ReadInt32() == (int)frame.Type;
            reader.EndNested();
            var payload = reader.ReadBytes();
            return same && payload.SequenceEqual(bytes.AsSpan(RingFrame.Size)) && reader.Remaining == 0;
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void No_bytes_crash_the_reader_and_what_it_accepts_has_no_negative_number() =>
        Prop.ForAll(Gen.ArrayOf(Gen.Choose(0, 255).Select(value => (byte)value)).ToArbitrary(), noise =>
        {
            // Noise over a good frame gets further than noise alone.
            Span<byte> bytes = stackalloc byte[RingFrame.Size];
            new RingFrame(1, 2, 3, RingPhase.AllGather, 4, ElementType.Binary32, 5).Write(bytes);
            for (var i = 0; i + 1 < noise.Length; i += 2) bytes[noise[i] % RingFrame.Size] = noise[i + 1];
            return RingFrame.TryRead(bytes, out var frame) != OperationStatus.Done
                || (frame.Generation >= 0 && frame.Step >= 0 && frame.Bucket >= 0 && frame.Chunk >= 0 && frame.PayloadBytes >= 0);
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Buckets_cover_the_buffer_once_from_its_end_and_never_split_a_parameter() =>
        Prop.ForAll(Gen.ArrayOf(Gen.Choose(0, 50)).ToArbitrary(), Gen.Choose(1, 120).ToArbitrary(), (lengths, target) =>
        {
            var buckets = BucketPlan.Cut(lengths, target);
            var end = lengths.Sum();
            var sound = true;
            for (var i = 0; i < buckets.Count; i++)
            {
                sound &= buckets[i].Index == i && buckets[i].Start + buckets[i].Length == end && buckets[i].Length > 0
                    && buckets[i].Start == lengths.Take(buckets[i].FirstParameter).Sum()
                    && (buckets[i].Length >= target || i == buckets.Count - 1);
                end = buckets[i].Start;
            }

            return sound && end == 0;
        }).QuickCheckThrowOnFailure();
}
