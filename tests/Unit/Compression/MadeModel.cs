using System.Text;
using Vae.Data.Safetensors;
using Vae.Models.Compression;
using Vae.Models.Files;
using Vae.Models.Networks;
using Vae.Shared.Determinism;
using Vae.Shared.Sweeps;

namespace Vae.Tests.Unit.Compression;

/// <summary>A model folder with made weights, without training and without libtorch: any weights can code, well or badly.</summary>
internal sealed class MadeModel : IDisposable
{
    public static readonly ModelSpec Mlp = new() { Encoder = [24, 16], Latent = 5, Activation = Activation.Tanh };

    public static readonly ModelSpec Conv = new() { Architecture = Architecture.Conv, Channels = [6, 10], Hidden = 12, Latent = 4, Activation = Activation.Silu };

    public static readonly ModelSpec Resnet = Conv with { Architecture = Architecture.Resnet, Blocks = 2, Groups = 2 };

    public MadeModel(ModelSpec? spec = null, ImageShape? image = null, ulong seed = 1, Action<Dictionary<string, (long[] Shape, float[] Values)>>? change = null)
    {
        (Spec, Image) = (spec ?? Mlp, image ?? new ImageShape(1, 8, 8));
        Folder = Directory.CreateTempSubdirectory("vae-made-").FullName;
        var tensors = Tensors(new Prng(seed));
        change?.Invoke(tensors);
        var writer = new SafetensorsWriter();
        foreach (var (name, (shape, values)) in tensors) writer.Add(name, shape, values);
        writer.WriteFile(Path.Combine(Folder, TrainedModel.FileName));
        var trial = new TrialSpec { Index = 0, Model = Spec, Training = new TrainingSpec() };
        File.WriteAllBytes(Path.Combine(Folder, ModelConfig.FileName), Encoding.UTF8.GetBytes(new ModelConfig(trial, null, Image, null, null).Write()));
    }

    public string Folder { get; }

    public ModelSpec Spec { get; }

    public ImageShape Image { get; }

    public CodingModel Load() => CodingModel.Load(Folder);

    /// <summary>Black and white images with some structure: a bar of random place and length in each.</summary>
    public byte[] Pictures(int count, ulong seed = 3)
    {
        var random = new Prng(seed);
        var pixels = new byte[count * Image.Values];
        for (var i = 0; i < count; i++)
        {
            var first = random.NextBelow(Image.Values);
            pixels.AsSpan((i * Image.Values) + first, random.NextBelow(Image.Values - first + 1)).Fill(255);
            pixels[(i * Image.Values) + random.NextBelow(Image.Values)] ^= 255;
        }

        pixels[0] = 0;
        pixels[^1] = 255; // Both levels are there.
        return pixels;
    }

    /// <summary>Images of all levels: a ramp of random place and slope in each, with noise, and every level somewhere.</summary>
    public byte[] GreyPictures(int count, ulong seed = 3)
    {
        var random = new Prng(seed);
        var pixels = new byte[count * Image.Values];
        for (var i = 0; i < pixels.Length; i++) pixels[i] = (byte)Math.Clamp((i % Image.Values * 3) + random.NextBelow(60) - 20, 0, 255);
        for (var level = 0; level < 256 && level < pixels.Length; level++) pixels[(level * 37) % pixels.Length] = (byte)level;
        return pixels;
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private Dictionary<string, (long[] Shape, float[] Values)> Tensors(Prng random)
    {
        var tensors = new Dictionary<string, (long[] Shape, float[] Values)>(StringComparer.Ordinal);
        if (Spec.Likelihood == Likelihood.DiscretisedLogistic) tensors["observation_log_scale"] = ([], [-2]);
        if (Spec.Architecture != Architecture.Mlp)
        {
            var channels = Spec.Channels!;
            var isResidual = Spec.Architecture == Architecture.Resnet;
            var (height, width) = (Image.Height >> channels.Count, Image.Width >> channels.Count);
            var bottom = channels[^1] * height * width;
            int[] all = [Image.Channels, .. channels];
            var at = 0;
            for (var i = 0; i < channels.Count; i++)
            {
                Add($"encoder.{at++}", all[i + 1], all[i + 1], all[i], 4, 4);
                if (isResidual) Blocks("encoder", all[i + 1]);
                else at++;
            }

            if (isResidual) Norm($"encoder.{at}", all[^1]);
            Dense("encoder_head.0", Spec.Hidden, bottom);
            Dense("posterior", 2 * Spec.Latent, Spec.Hidden);
            Dense("decoder_head.0", Spec.Hidden, Spec.Latent);
            Dense("decoder_head.2", bottom, Spec.Hidden);
            at = 0;
            for (var i = channels.Count; i > 0; i--)
            {
                if (isResidual) Blocks("decoder", all[i]);
                if (isResidual && i == 1)
                {
                    Norm($"decoder.{at}", all[1]);
                    at += 2;
                }

                Add($"decoder.{at++}", all[i - 1], all[i], all[i - 1], 4, 4);
                if (!isResidual) at++;
            }

            return tensors;

            void Blocks(string stack, int wide)
            {
                for (var block = 0; block < Spec.Blocks; block++)
                {
                    foreach (var half in (int[])[1, 2])
                    {
                        Norm($"{stack}.{at}.norm{half}", wide);
                        Add($"{stack}.{at}.conv{half}", wide, wide, wide, 3, 3);
                    }

                    at++;
                }
            }

            void Norm(string name, int wide) => Add(name, wide, wide);
        }

        var inputs = Image.Values;
        foreach (var (i, width) in Spec.Encoder.Index()) inputs = Dense($"encoder.{2 * i}", width, inputs);
        Dense("posterior", 2 * Spec.Latent, inputs);
        inputs = Spec.Latent;
        foreach (var (i, width) in Spec.DecoderWidths.Index()) inputs = Dense($"decoder.{2 * i}", width, inputs);
        Dense("output", Image.Values, inputs);
        return tensors;

        int Dense(string name, int outputs, int from)
        {
            Add(name, outputs, outputs, from);
            return outputs;
        }

        void Add(string name, int biases, params long[] shape)
        {
            var count = shape.Aggregate(1L, (product, size) => product * size);
            var scale = 2.5 / Math.Sqrt(count / (double)biases);
            tensors[$"{name}.weight"] = (shape, [.. Enumerable.Range(0, (int)count).Select(_ => (float)((random.NextDouble() - 0.5) * scale))]);
            tensors[$"{name}.bias"] = ([biases], [.. Enumerable.Range(0, biases).Select(_ => (float)((random.NextDouble() - 0.5) * 0.2))]);
        }
    }
}
