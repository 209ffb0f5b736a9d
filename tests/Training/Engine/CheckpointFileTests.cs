using System.Buffers.Binary;
using System.Text;
using System.Text.Json.Nodes;
using Vae.Data.Safetensors;
using Vae.Shared.Sweeps;
using Vae.Torch;
using Vae.Worker.Training;
using static Vae.Tests.Training.Engine.PackRuns;
using static Vae.Tests.Training.Engine.SnapshotTests;

namespace Vae.Tests.Training.Engine;

/// <summary>Damaged checkpoints: every one is refused in words that name the rule, and never in another way.</summary>
public sealed class CheckpointFileTests : TorchTest
{
    private static readonly Lazy<byte[]> Small = new(Make);

    [Fact]
    public void F27_checkpoint_that_is_cut_off_at_any_byte_is_refused_by_rule()
    {
        var whole = Small.Value;
        Assert.Equal(2, PackSnapshot.Read(whole).Trials.Count);
        for (var length = 0; length < whole.Length; length++)
        {
            var error = Assert.Throws<SafetensorsException>(() => PackSnapshot.Read(whole.AsMemory(0, length), "x"));
            Assert.StartsWith("x: ", error.Message, StringComparison.Ordinal);
        }

        Assert.Contains("the file is empty", Assert.Throws<SafetensorsException>(() => PackSnapshot.Read(ReadOnlyMemory<byte>.Empty)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void F27_bit_that_flips_anywhere_in_the_header_is_refused_or_leaves_a_snapshot_and_never_breaks_the_reader()
    {
        var bytes = (byte[])Small.Value.Clone();
        var header = 8 + (int)BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        var refused = 0;
        for (var at = 0; at < header; at++)
        {
            for (var bit = 0; bit < 8; bit++)
            {
                bytes[at] ^= (byte)(1 << bit);
                try
                {
                    _ = PackSnapshot.Read(bytes); // A learning rate with another digit is a learning rate: the digest in the store finds that.
                }
                catch (SafetensorsException)
                {
                    refused++;
                }

                bytes[at] ^= (byte)(1 << bit);
            }
        }

        Assert.InRange(refused, header * 4, header * 8);
    }

    [Theory]
    [InlineData("a length of 2^63", "the header length 9,223,372,036,854,775,808 exceeds the limit")]
    [InlineData("a gap", "gap")]
    [InlineData("an overlap", "inside the tensor before it")]
    [InlineData("a shape that does not match", "tensor `0.encoder.0.weight`: F32 of shape")]
    [InlineData("a newer version", "it is a checkpoint of format version 2, and this program reads version 1")]
    [InlineData("no version", "this is no checkpoint")]
    [InlineData("a missing tensor", "tensor `0.counters`: it is missing")]
    [InlineData("a stranger", "tensor `7.encoder.0.weight`: it belongs to no trial")]
    [InlineData("another type", "tensor `0.encoder.0.bias`: a checkpoint has no such tensor of type")]
    [InlineData("another signature", "`vae_trial.0` cannot be used")]
    [InlineData("a position below 0", "`vae_position` is `-1`")]
    [InlineData("a pickle", "Python pickle")]
    [InlineData("a zip", "zip archive")]
    public void F27_damage_is_named_by_tensor_and_rule(string damage, string text)
    {
        var error = Assert.Throws<SafetensorsException>(() => PackSnapshot.Read(Damage(damage)));

        Assert.Contains(text, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void F27_trial_with_one_tensor_more_or_less_than_its_model_is_refused_where_it_is_restored()
    {
        using var data = Images();
        var spec = Specs()[0];
        using var trainer = new PackTrainer(1, 3, spec, data, torch.CPU);

        var more = PackSnapshot.Read(Changed(header => Rename(header, "0.output.bias", "0.output.extra"))).Find(0)!;
        Assert.Contains("tensor `0.output.bias`: it is missing", Assert.Throws<SafetensorsException>(() => trainer.Restore(0, spec, more)).Message, StringComparison.Ordinal);
        var state = PackSnapshot.Read(Changed(header => header["0.output.extra"] = Empty(header))).Find(0)!;
        Assert.Contains("tensor `0.output.extra`: there is no place for it", Assert.Throws<SafetensorsException>(() => trainer.Restore(0, spec, state)).Message, StringComparison.Ordinal);
        Assert.True(trainer.IsEmpty);
    }

    [Fact]
    public void One_trial_is_read_alone_and_one_that_is_not_there_is_named()
    {
        Assert.Equal([1], PackSnapshot.Read(new MemoryStream(Small.Value), "x", only: 1).Trials.Select(trial => trial.Trial.Index));
        Assert.Contains("x: trial 5 is not in it; it holds 0, 1", Assert.Throws<SafetensorsException>(() => PackSnapshot.Read(new MemoryStream(Small.Value), "x", only: 5)).Message, StringComparison.Ordinal);
    }

    private static byte[] Damage(string damage) => damage switch
    {
        "a length of 2^63" => [.. BitConverter.GetBytes(1UL << 63), .. Small.Value[8..]],
        "a gap" => Changed(header => Move(header, "0.encoder.0.weight", 4)),
        "an overlap" => Changed(header => Move(header, "0.encoder.0.weight", -4)),
        "a shape that does not match" => Changed(header => header["0.encoder.0.weight"]!["shape"]![0] = 5),
        "a newer version" => Changed(header => header["__metadata__"]!["vae_checkpoint"] = "2"),
        "no version" => Changed(header => header["__metadata__"]!.AsObject().Remove("vae_checkpoint")),
        "a missing tensor" => Changed(header => Rename(header, "0.counters", "0.counted")),
        "a stranger" => Changed(header => Rename(header, "0.encoder.0.weight", "7.encoder.0.weight")),
        "another type" => Changed(header => Retype(header, "0.encoder.0.bias", "U8", 4)),
        "another signature" => Changed(header => header["__metadata__"]!["vae_signature"] = "mlp encoder=9"),
        "a position below 0" => Changed(header => header["__metadata__"]!["vae_position"] = "-1"),
        "a pickle" => [0x80, 0x04, .. "\u0095 a pickled checkpoint, renamed"u8],
        "a zip" => [.. "PK\u0003\u0004 torch.save"u8],
        _ => throw new ArgumentOutOfRangeException(nameof(damage), damage, null),
    };

    private static void Move(JsonObject header, string name, int by) => header[name]!["data_offsets"]![0] = header[name]!["data_offsets"]![0]!.GetValue<long>() + by;

    private static void Rename(JsonObject header, string name, string to)
    {
        header.Remove(name, out var entry);
        header[to] = entry;
    }

    private static void Retype(JsonObject header, string name, string type, int times)
    {
        header[name]!["dtype"] = type;
        header[name]!["shape"]![0] = header[name]!["shape"]![0]!.GetValue<long>() * times;
    }

    private static JsonObject Empty(JsonObject header)
    {
        var end = header.Where(entry => entry.Key != "__metadata__").Max(entry => entry.Value!["data_offsets"]![1]!.GetValue<long>());
        return new JsonObject { ["dtype"] = "F32", ["shape"] = new JsonArray(0), ["data_offsets"] = new JsonArray(end, end) };
    }

    private static byte[] Changed(Action<JsonObject> change)
    {
        var whole = Small.Value;
        var length = (int)BinaryPrimitives.ReadUInt64LittleEndian(whole);
        var header = JsonNode.Parse(whole.AsSpan(8, length))!.AsObject();
        change(header);
        var text = Encoding.UTF8.GetBytes(header.ToJsonString());
        return [.. BitConverter.GetBytes((ulong)text.Length), .. text, .. whole[(8 + length)..]];
    }

    private static TrialSpec[] Specs() => [.. Enumerable.Range(0, 2).Select(index => Trial(index, latent: 3 - index, steps: 20)).Select(trial => trial with { Model = trial.Model with { Encoder = [4] } })];

    private static byte[] Make()
    {
        using var data = Images();
        using var trainer = PackTrainer.Of(Specs(), data, torch.CPU);
        RunUntil(trainer, new Track(trainer), 3);
        var snapshot = new PackSnapshot();
        trainer.Save(snapshot);
        return Bytes(snapshot);
    }
}
