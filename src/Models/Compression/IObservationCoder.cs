namespace Vae.Models.Compression;

/// <summary>How the values of an image are coded once the decoder has said what it expects: one implementation for each likelihood of discrete data.</summary>
public interface IObservationCoder
{
    /// <summary>Numbers that the decoder gives for each value, such as 1 logit.</summary>
    int ParametersPerValue { get; }

    /// <summary>Pushes all values of an image.</summary>
    /// <param name="stack">Where to.</param>
    /// <param name="parameters">Of the likelihood, as the decoder gives them.</param>
    /// <param name="values">What the likelihood speaks about.</param>
    void Push(AnsStack stack, ReadOnlySpan<float> parameters, ReadOnlySpan<byte> values);

    /// <summary>Pops them.</summary>
    void Pop(AnsStack stack, ReadOnlySpan<float> parameters, Span<byte> values);

    /// <summary>-log p(values | parameters) in nats, as the model itself has it and not as it is coded.</summary>
    double Nats(ReadOnlySpan<float> parameters, ReadOnlySpan<byte> values);
}
